"""`tiercel reap`: what is over and what nobody owns, shown or deleted, with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared

if TYPE_CHECKING:
    from tiercel.domain.teardown.reaper import ReapReport


@shared(RunSettings)
def reap(
    environment: Annotated[
        str, typer.Argument(help="The environment; the one that verifies for Prod without it.")
    ] = "",
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go, and delete nothing.")
    ] = False,
    settings: RunSettings,
) -> None:
    """Destroy environments on demand that are over, and delete what no stack owns."""
    from tiercel.domain.organization.names import Names, deployment_of
    from tiercel.domain.teardown.leftovers_seen import ReapScope

    output, topology = settings.output, settings.topology()
    name = environment or topology.verifying.name
    ReapScope.of(Names.of(topology, name))  # refused before anything is started
    settings.settle(name)
    if not settings.local:
        run_deployment(output, deployment_of("reap", name), environment=name, dry_run=dry_run)
        return
    from tiercel.flows.reap import reap as flow

    show_reaped(output, run_flow(flow, output, environment=name, dry_run=dry_run).result)


def show_reaped(output: Output, report: ReapReport) -> None:
    """Print what went or would go, and what somebody has to look at."""
    from tiercel.domain.ephemeral.lifetimes import LifeStep
    from tiercel.domain.teardown.leftovers import Fate

    output.document("reap", report.document())
    if output.as_json:
        return
    ends = [one for one in report.lives if one.step is not LifeStep.NOTHING]
    if ends:
        output.table(
            "Environments on demand",
            ("environment", "step", "because"),
            [(one.name, one.step, one.reason) for one in ends],
        )
    told = [one for one in report.leftovers if one.fate is not Fate.KEEP]
    if told:
        output.table(
            "Leftovers",
            ("kind", "name", "fate", "because"),
            [(one.kind, one.name, one.fate, one.reason) for one in told],
        )
    for one in report.candidates:
        said = "put back" if one.stack in report.put_back else "stays"
        output.line(f"candidate {one.number} that a killed run left on {one.stack}: {said}")
    for failure in report.unread:
        output.line(f"not looked at: {failure.what}: {failure.why}")
    output.result(f"{report.environment}: {report.summary()}")
