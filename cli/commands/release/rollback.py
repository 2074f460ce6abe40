"""`tiercel rollback`: back to an earlier release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import RevertDriftOption, StackArgument
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.releases import release_row, show_outputs
from tiercel.cli.terminal.running.deployed_runs import run_deployment
from tiercel.cli.terminal.running.releasing import open_releases_named
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.cli.terminal.settings import RunSettings, shared

if TYPE_CHECKING:
    from tiercel.domain.organization.access import Target
    from tiercel.domain.organization.names import Names
    from tiercel.domain.release.ledger import Release
    from tiercel.flows.release.results import Released


@shared(RunSettings)
def rollback(
    stack: StackArgument,
    *,
    to: Annotated[
        int, typer.Option(min=0, help="The release to go back to; 0: the last good one before.")
    ] = 0,
    revert_drift: RevertDriftOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would go back to, and change nothing.")
    ] = False,
    settings: RunSettings,
) -> None:
    """Release an earlier release of a stack again, from what the ledger has of it."""
    from tiercel.domain.configuration.requests import require_earlier_release, require_stack_name
    from tiercel.domain.organization.names import deployment_of, names_of_stack, promoted_from

    output = settings.output
    require_stack_name(stack)
    require_earlier_release(to)
    topology = settings.topology()
    names = names_of_stack(topology, stack)
    environment = names.environment.name
    if dry_run:
        source = promoted_from(topology, names)
        _show_way_back(output, settings.target(names), source, stack, to)
        return
    settings.settle(environment)
    given: dict[str, str | int | bool] = {
        "environment": environment,
        "stack": stack,
        "release": to,
        "revert_drift": revert_drift,
    }
    if not settings.local:
        run_deployment(output, deployment_of("roll-back", environment), **given)
        return
    from tiercel.flows.rollback import roll_back

    with open_releases_named(settings, environment):
        finished = run_flow(roll_back, output, **given)
    show_rolled_back(output, finished.result)


def show_rolled_back(output: Output, restored: Released) -> None:
    """Print which release runs again."""
    output.document("rollback", release_row(restored.release) | {"changed": restored.changed})
    if not output.as_json:
        intent = restored.release.intent
        done = "released again" if restored.changed else "unchanged: it is live already"
        output.result(
            f"{intent.stack}: release {intent.restores or intent.number} {done}, "
            f"as release {intent.number}"
        )
        show_outputs(output, {intent.service: restored.outputs})


def _show_way_back(
    output: Output, target: Target, source: Names | None, stack: str, to: int
) -> None:
    """Say which release would run again, and how it differs from what runs now.

    It is found and refused by the rules of the flow. Nothing is planned: that would make a change
    set.
    """
    from tiercel.cli.terminal.comparing import released_contents, show_differences
    from tiercel.domain.gates.holds import require_rollback_allowed
    from tiercel.domain.review.release_differences import release_differences
    from tiercel.tasks.records.holds import read_hold

    if target.names.environment.promotes_from:
        require_rollback_allowed(read_hold.fn(target.records), target.names.environment.name)
    now, earlier = _way_back(target, source, stack, to)
    sides = [
        {intent.service: released_contents(target.records, intent)}
        for intent in (now.intent, earlier.intent)
    ]
    told = {"stack": stack, "release": now.intent.number, "back_to": earlier.intent.number}
    title = f"{stack}: from release {now.intent.number} back to {earlier.intent.number}"
    show_differences(output, title, release_differences(*sides), told)


def _way_back(target: Target, source: Names | None, stack: str, to: int) -> tuple[Release, Release]:
    """Return what runs and what would run again; RefusedInputError where the flow would refuse."""
    from tiercel.domain.release.entries import needed
    from tiercel.domain.release.ledger import running_release
    from tiercel.domain.release.rollback import (
        nothing_before,
        number_running,
        release_before,
        require_restorable,
    )
    from tiercel.tasks.records.ledger import no_release, read_history, read_release
    from tiercel.tasks.records.rejections import read_rejections_that_count
    from tiercel.tasks.stack.stacks import observe_stack

    records = target.records
    history = read_history.fn(records, stack)
    rejected = read_rejections_that_count.fn(target, source, stack)
    seen = observe_stack.fn(target.auditor, stack)
    number = number_running(seen)
    earlier = (
        read_release.fn(records, stack, to) if to else release_before(history, number, rejected)
    )
    if earlier is None:
        raise no_release(stack, to, records.bucket) if to else nothing_before(stack)
    require_restorable(earlier, rejected)
    own = read_release.fn(records, stack, number) if number else None
    now = own or running_release(needed(history))
    if now is None:
        raise nothing_before(stack)
    return now, earlier
