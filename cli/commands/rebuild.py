"""`tiercel rebuild`: the drill, which deletes an environment and builds it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.deployed_runs import run_deployment
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared

if TYPE_CHECKING:
    from tiercel.domain.teardown.drill_report import DrillReport


@shared(RunSettings)
def rebuild(
    environment: Annotated[str, typer.Argument(help="The environment; production is refused.")],
    *,
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
        bool, typer.Option("--give-up", help="Delete nothing more; rebuild what is gone.")
    ] = False,
    settings: RunSettings,
) -> None:
    """Delete every stack of an environment, prove it empty, rebuild it and time that.

    Without an approval it shows the plan. A drill that was stopped goes on.
    """
    from tiercel.domain.teardown.drill_rules import require_no_production

    output = settings.output
    require_no_production(settings.names(environment))
    settings.settle(environment)
    given: dict[str, str | int | bool] = {
        "environment": environment,
        "approve": approve,
        "account": account,
        "bucket_names": ",".join(free_name or ()),
        "plan_only": plan_only,
        "give_up": give_up,
    }
    if not settings.local:
        run_deployment(output, f"rebuild-from-scratch/{environment}", **given)
        return
    from tiercel.flows.rebuild_from_scratch import rebuild_from_scratch

    finished = run_flow(rebuild_from_scratch, output, **given)
    show_drill(output, finished.result)


def show_drill(output: Output, report: DrillReport | None) -> None:
    """Print how long each phase took; without a report only a plan was asked for."""
    output.document(report.model_dump(mode="json") if report else None)
    if output.as_json or report is None:
        return
    from tiercel.domain.pages.drill_page import duration

    rows = [(phase, duration(seconds)) for phase, seconds in report.phases.items()]
    output.table(f"Drill {report.number} of {report.environment}", ("phase", "time"), rows)
    output.result(
        f"{report.environment}: everything was back after {duration(report.seconds)}; "
        f"tiercel drills {report.environment} --open {report.number}"
    )
