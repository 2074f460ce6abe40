"""`tiercel traffic show` and `tiercel traffic stop`: what shifts just now, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiercel.cli.terminal.options import StackArgument
from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import RefusedInputError, TiercelError, combined
from tiercel.domain.base.text import printable

if TYPE_CHECKING:
    from tiercel.domain.organization.access import Access
    from tiercel.domain.traffic.shifts import Shift

_LONGEST_REASON = 400

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Traffic that shifts from one version to the next.",
)

_Most = Annotated[int, typer.Option(min=1, max=50, help="How many deployments at most.")]


@app.command("show")
@shared(Settings)
def show(stack: StackArgument, *, most: _Most = 10, settings: Settings) -> None:
    """Show how the traffic of a stack shifts, and how it went before."""
    from tiercel.tasks.stack.waiting.shifts import read_shifts

    access = _deployer(settings, stack)
    shifts = read_shifts.fn(access, stack, most=most)[-most:]
    output = settings.output
    output.document("traffic", [one.model_dump(mode="json") for one in shifts])
    if not settings.as_json:
        heads = ("deployment", "alias", "version", "status", "share", "took")
        output.table(f"Traffic of {stack}", heads, [_row(one) for one in shifts])
        for one in shifts:
            if one.message:
                output.result(f"{one.deployment}: {printable(one.message, _LONGEST_REASON)}")


@app.command("stop")
@shared(Settings)
def stop(stack: StackArgument, *, settings: Settings) -> None:
    """Stop what shifts now and give the traffic back to the version that had it.

    CloudFormation then rolls the stack back, and the release that waits for it fails.
    """
    from tiercel.tasks.stack.waiting.shifts import read_running_shifts

    access = _deployer(settings, stack)
    stopped, errors = _stopped(access, read_running_shifts.fn(access, stack))
    if not stopped and not errors:
        raise RefusedInputError(
            "traffic.nothing_shifts",
            f"no traffic of {stack} shifts now",
            where=f"stack {stack}, account {access.account}, region {access.region}",
            state="nothing was stopped",
            remedy="see with tiercel traffic show what has been shifted; roll back with "
            "tiercel rollback",
        )
    output = settings.output
    output.document("traffic-stop", [one.deployment for one in stopped])
    if not settings.as_json:
        for one in stopped:
            output.result(f"{one.deployment} is being stopped: {one.what}")
    if errors:
        raise combined(errors)


def _stopped(access: Access, running: list[Shift]) -> tuple[list[Shift], list[TiercelError]]:
    """Stop what gives no traffic back; one that cannot be stopped keeps no other shifting."""
    from tiercel.tasks.stack.waiting.shifts import stop_shift

    stopped, errors = [], []
    for one in running:
        if not one.is_way_back:
            try:
                if stop_shift.fn(access, one.deployment):
                    stopped.append(one)
            except TiercelError as error:
                errors.append(error)
    return stopped, errors


def _row(shift: Shift) -> tuple[str, ...]:
    """Return a line of the table; reasons stand below it, so that no name is broken."""
    alias = f"{shift.function}:{shift.alias}" if shift.alias else shift.group
    versions = f"{shift.old_version} to {shift.new_version}" if shift.alias else ""
    return (
        shift.deployment, alias, versions, shift.status, f"{shift.percent:g} %", shift.took,
    )  # fmt: skip


def _deployer(settings: Settings, stack: str) -> Access:
    from tiercel.domain.organization.names import names_of_stack

    return settings.target(names_of_stack(settings.topology(), stack)).deployer
