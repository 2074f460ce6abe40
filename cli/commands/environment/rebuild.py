"""`tiercel rebuild`: the drill, which deletes an environment and builds it again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared

if TYPE_CHECKING:
    from tiercel.domain.drill.plan import DrillPlan
    from tiercel.domain.drill.report import DrillReport


@shared(RunSettings)
def rebuild(
    environment: Annotated[
        str, typer.Argument(help="The environment; production is refused.")
    ] = "",
    *,
    shadow: Annotated[
        str,
        typer.Option(metavar="PROD", help="Rebuild beside Preprod what this one has live."),
    ] = "",
    approve: Annotated[
        str, typer.Option(metavar="DIGEST", help="Delete by the plan with this digest.")
    ] = "",
    account: Annotated[
        str, typer.Option(metavar="ALIAS", help="The RuntimeAccount's alias, or id without one.")
    ] = "",
    free_name: Annotated[
        list[str] | None,
        typer.Option(metavar="BUCKET", help="A bucket whose name may become anybody's."),
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Show what would be deleted, and end.")
    ] = False,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Delete nothing more; rebuild what can be.")
    ] = False,
    foundation: Annotated[
        bool,
        typer.Option(
            "--foundation", help="Destroy and make the RuntimeAccount's own resources as well."
        ),
    ] = False,
    settings: RunSettings,
) -> None:
    """Delete every stack of an environment, prove it empty, rebuild it and time that.

    Without an approval it shows the plan. A drill that was stopped goes on. With --shadow nothing
    that is there is deleted, and nothing is approved. With --foundation it runs here, with
    administrators of both accounts.
    """
    from tiercel.domain.drill.rules import require_heeded, require_no_production
    from tiercel.domain.drill.shadow import require_one_subject
    from tiercel.domain.organization.names import deployment_of

    output = settings.output
    require_one_subject(environment, shadow)
    options = {
        "--shadow": shadow,
        "--approve": approve,
        "--account": account,
        "--free-name": free_name,
        "--plan-only": plan_only,
        "--give-up": give_up,
        "--foundation": foundation,
    }
    require_heeded([option for option, value in options.items() if value])
    if shadow:
        _rebuild_shadow(settings, shadow, plan_only=plan_only)
        return
    require_no_production(settings.names(environment))
    if foundation:
        settings = replace(settings, local=True)
    settings.settle(environment)
    given: dict[str, str | int | bool] = {
        "environment": environment,
        "approve": approve,
        "account": account,
        "bucket_names": ",".join(free_name or ()),
        "plan_only": plan_only,
    }
    if foundation:
        from tiercel.flows.rebuild_foundation import rebuild_foundation

        show_drill(output, run_flow(rebuild_foundation, output, **given).result)
        return
    given |= {"give_up": give_up}
    if not settings.local:
        run_deployment(output, deployment_of("rebuild-from-scratch", environment), **given)
        return
    from tiercel.flows.rebuild_from_scratch import rebuild_from_scratch

    finished = run_flow(rebuild_from_scratch, output, **given)
    show_drill(output, finished.result)


def _rebuild_shadow(settings: RunSettings, production: str, *, plan_only: bool) -> None:
    from tiercel.domain.drill.shadow import require_production
    from tiercel.domain.organization.names import deployment_of

    topology = settings.topology()
    require_production(settings.names(production))
    host = topology.verifying.name
    settings.settle(host)
    given: dict[str, str | int | bool] = {"live_of": production, "plan_only": plan_only}
    if not settings.local:
        run_deployment(settings.output, deployment_of("shadow-drill", host), **given)
        return
    from tiercel.flows.shadow_drill import shadow_drill

    finished = run_flow(shadow_drill, settings.output, **given)
    show_drill(settings.output, finished.result)


def show_drill(output: Output, result: DrillReport | DrillPlan) -> None:
    """Print the plan with what approves it, or how long each phase took."""
    from tiercel.domain.drill.plan import DrillPlan
    from tiercel.domain.pages.environment.drill_page import duration, recovered

    if isinstance(result, DrillPlan):
        output.document(
            "drill-plan", {"digest": result.digest, "plan": result.model_dump(mode="json")}
        )
        if not output.as_json:
            _show_plan(output, result)
        return
    output.document("drill", result.model_dump(mode="json"))
    if output.as_json:
        return
    rows = [(phase, duration(seconds)) for phase, seconds in result.phases.items()]
    output.table(f"Drill {result.number} of {result.environment}", ("phase", "time"), rows)
    of = f"--shadow {result.shadow_of}" if result.shadow_of else result.environment
    output.result(f"{recovered(result)}; tiercel drills {of} --open {result.number}")


def _show_shadow(output: Output, plan: DrillPlan) -> None:
    output.table(
        f"Drill of {plan.environment} in account {plan.alias}: {plan.summary()}",
        ("comes in wave", "stack", "runs what is live as"),
        [
            (str(at), name, f"release {plan.stack(name).number}")
            for at, wave in enumerate(plan.rebuild, start=1)
            for name in wave
        ],
    )
    for one in plan.left_out:
        output.line(f"left out: {one.service}: {one.why}")
    output.result(f"rebuild it beside: tiercel rebuild --shadow {plan.shadow_of}")


def _show_plan(output: Output, plan: DrillPlan) -> None:
    if plan.shadow_of:
        _show_shadow(output, plan)
        return
    lost = {stack.name: "; ".join(one.line() for one in stack.data) for stack in plan.stacks}
    output.table(
        f"Drill of {plan.environment} in account {plan.alias}: {plan.summary()}",
        ("goes in wave", "stack", "comes back as", "data that is lost"),
        [
            (str(at), name, f"release {plan.stack(name).number}", lost[name])
            for at, wave in enumerate(plan.deletion, start=1)
            for name in wave
        ],
    )
    for stack in plan.stacks:
        for one in stack.kept:
            output.line(f"kept: {one.path} of {stack.name} ({one.physical_id})")
        for name in stack.given_up:
            output.line(f"the name of bucket {name} becomes anybody's")
    for warning in plan.warnings():
        output.line(f"warning: {warning}")
    for address in plan.foundation.addresses if plan.foundation else ():
        output.line(f"destroyed and made again: {address}")
    also = " --foundation" if plan.foundation else ""
    output.result(
        f"delete all of this: tiercel rebuild {plan.environment}{also} --approve {plan.digest} "
        "--account ALIAS"
    )
