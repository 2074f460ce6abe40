"""What gates say, and what follows from all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tiercel.domain.base.errors import RefusedInputError, WaitingError
from tiercel.domain.base.values import Frozen

BEGUN_AGAIN = "`follow_github` begins it again then, where its schedule is on; else run it again"
"""What becomes of a promotion that a gate lets wait."""


class Decision(StrEnum):
    """What a gate says; the worst comes last."""

    ALLOW = "allow"
    WAIT = "wait"
    REFUSE = "refuse"


class GateResult(Frozen):
    """What one gate says and why; one that lets wait knows until when, where that is known."""

    gate: str
    decision: Decision
    reason: str
    remedy: str = ""
    until: datetime | None = None

    @property
    def words(self) -> str:
        """The decision for people, times in UTC."""
        if self.until is None:
            return str(self.decision)
        return f"{self.decision} until {self.until:%Y-%m-%d %H:%M} UTC"


class Gate(Protocol):
    """A rule over facts that were gathered before."""

    def judge(self, now: datetime) -> GateResult:
        """Return what the gate says at a moment."""


def judged(gates: Iterable[Gate], now: datetime) -> tuple[GateResult, ...]:
    """Return what all gates say: none is left out because another refuses."""
    return tuple(gate.judge(now) for gate in gates)


def worst(results: Iterable[GateResult]) -> Decision:
    """Return what follows from all gates: one that refuses or lets wait is enough."""
    order = list(Decision)
    return max((one.decision for one in results), key=order.index, default=Decision.ALLOW)


def require_open(results: Sequence[GateResult], environment: str, state: str) -> None:
    """Raise RefusedInputError unless every gate allows; it tells of all that do not."""
    closed = [one for one in results if one.decision is not Decision.ALLOW]
    if not closed:
        return
    raise RefusedInputError(
        "promotion.gate_closed",
        f"{', '.join(one.gate for one in closed)}: nothing is promoted to {environment} now",
        where=f"environments.{environment}.gates",
        why="\n".join(f"{one.gate}: {one.words}: {one.reason}" for one in closed),
        state=state,
        remedy="; ".join(dict.fromkeys(one.remedy for one in closed)),
    )


def gates_wait(closed: Iterable[GateResult], environment: str) -> WaitingError:
    """Return how a promotion ends before anything is done: gates let it wait, and none refuses."""
    waiting = list(closed)
    return WaitingError(
        "promotion.gate_waits",
        f"{', '.join(one.gate for one in waiting)}: the promotion to {environment} waits",
        where=f"environments.{environment}.gates",
        why="\n".join(f"{one.gate}: {one.words}: {one.reason}" for one in waiting),
        state=f"nothing was changed in {environment}, and nothing is held meanwhile",
        remedy="; ".join(dict.fromkeys(one.remedy for one in waiting)),
    )
