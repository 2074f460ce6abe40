"""`tiercel hold` and `tiercel resume`: stop promotions to an environment, and let them go on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from tiercel.cli.terminal.settings import Settings, shared
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable

_Environment = Annotated[str, typer.Argument(help="The environment, such as prod.")]
_Reason = Annotated[str, typer.Option(help="Why, for those who wonder later.")]


@shared(Settings)
def hold(
    environment: _Environment,
    *,
    reason: _Reason,
    everything: Annotated[
        bool, typer.Option("--all", help="Stop rollbacks and hotfixes, too.")
    ] = False,
    settings: Settings,
) -> None:
    """Stop promotions to an environment until somebody lets them go on."""
    _record(settings, environment, reason, holds=True, everything=everything)


@shared(Settings)
def resume(environment: _Environment, *, reason: _Reason, settings: Settings) -> None:
    """Let promotions to an environment go on."""
    _record(settings, environment, reason, holds=False, everything=False)


def _record(
    settings: Settings, environment: str, reason: str, *, holds: bool, everything: bool
) -> None:
    from tiercel.domain.gates.holds import LONGEST_HOLD_REASON, HoldEvent
    from tiercel.tasks.aws.caller import caller_arn
    from tiercel.tasks.records.holds import record_hold

    output, names = settings.output, settings.names(environment)
    if not names.environment.promotes_from:
        raise RefusedInputError(
            "gates.nothing_promoted",
            f"nothing is promoted to {environment}",
            where=f"environments.{environment}",
            why="it builds what its branch has, and its releases are not held",
            state="nothing was changed",
            remedy="hold an environment that promotes from another one",
        )
    target = settings.target(names)
    event = HoldEvent(
        number=1,
        holds=holds,
        everything=everything,
        by=caller_arn.fn(names.environment.region),
        reason=printable(reason, LONGEST_HOLD_REASON),
        at=datetime.now(UTC),
    )
    recorded = record_hold.fn(target.records, event)
    output.document("hold", recorded.model_dump(mode="json"))
    if not settings.as_json:
        done = "is on hold" if holds else "goes on"
        output.result(f"{environment} {done}: {recorded.reason}")
