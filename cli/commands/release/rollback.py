"""`tiercel rollback`: back to an earlier release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.deployed_runs import run_deployment
from tiercel.cli.terminal.options import RevertDriftOption, StackArgument
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.releases import release_row
from tiercel.cli.terminal.releasing import open_releases_named
from tiercel.cli.terminal.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared

if TYPE_CHECKING:
    from tiercel.flows.release.results import Released


@shared(RunSettings)
def rollback(
    stack: StackArgument,
    *,
    to: Annotated[
        int, typer.Option(min=0, help="The release to go back to; 0: the last good one before.")
    ] = 0,
    revert_drift: RevertDriftOption = False,
    settings: RunSettings,
) -> None:
    """Release an earlier release of a stack again, from what the ledger has of it."""
    from tiercel.domain.organization.names import names_of_stack
    from tiercel.domain.organization.requests import require_earlier_release, require_stack_name

    output = settings.output
    require_stack_name(stack)
    require_earlier_release(to)
    environment = names_of_stack(settings.topology(), stack).environment.name
    settings.settle(environment)
    given: dict[str, str | int | bool] = {
        "environment": environment,
        "stack": stack,
        "release": to,
        "revert_drift": revert_drift,
    }
    if not settings.local:
        run_deployment(output, f"roll-back/{environment}", **given)
        return
    from tiercel.flows.rollback import roll_back

    with open_releases_named(settings, environment):
        finished = run_flow(roll_back, output, **given)
    show_rolled_back(output, finished.result)


def show_rolled_back(output: Output, restored: Released) -> None:
    """Print which release runs again."""
    output.document(release_row(restored.release) | {"changed": restored.changed})
    if not output.as_json:
        intent = restored.release.intent
        done = "released again" if restored.changed else "unchanged: it is live already"
        output.result(
            f"{intent.stack}: release {intent.restores or intent.number} {done}, "
            f"as release {intent.number}"
        )
