"""Holding the line: who stopped promotions to an environment, who let them go on, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.gates.results import Decision, GateResult

HOLDS_PREFIX = "holds/"
LONGEST_HOLD_REASON = 500
_KEY = re.compile(rf"{HOLDS_PREFIX}([0-9]{{8}})\.json")
_NAME = "hold"


class HoldEvent(StoredRecord):
    """Written once: somebody held the line, or let it go on. `everything` stops rollbacks, too."""

    number: int
    holds: bool
    everything: bool
    by: str
    reason: str
    at: datetime

    @property
    def words(self) -> str:
        """Who, when and why, for people."""
        reason = printable(self.reason, LONGEST_HOLD_REASON)
        return f"held by {self.by} since {self.at:%Y-%m-%d %H:%M} UTC: {reason}"


def hold_key(number: int) -> str:
    """Return the key under which an event is created, once."""
    return f"{HOLDS_PREFIX}{number:08d}.json"


def newest_hold_number(keys: Iterable[str]) -> int:
    """Return the number of the newest event, 0 if there was none."""
    return max((int(match[1]) for key in keys if (match := _KEY.fullmatch(key))), default=0)


class HoldGate(Frozen):
    """Whether the line is held: `event` is the newest, None if there was none."""

    event: HoldEvent | None
    hotfix: bool = False
    hotfix_passes: bool = False

    def judge(self, now: datetime) -> GateResult:  # noqa: ARG002 - as every gate is asked
        """Refuse while somebody holds the line, but for a hotfix that may pass."""
        if self.event is None or not self.event.holds:
            return GateResult(gate=_NAME, decision=Decision.ALLOW, reason="nobody holds the line")
        if self.hotfix and self.hotfix_passes and not self.event.everything:
            reason = f"a hotfix passes; {self.event.words}"
            return GateResult(gate=_NAME, decision=Decision.ALLOW, reason=reason)
        return GateResult(
            gate=_NAME,
            decision=Decision.REFUSE,
            reason=self.event.words,
            remedy="ask whoever holds it; `tiercel resume` lets it go on",
        )


def require_rollback_allowed(event: HoldEvent | None, environment: str) -> None:
    """Raise RefusedInputError while rollbacks are held, too; no other gate stops one."""
    if event is None or not (event.holds and event.everything):
        return
    raise RefusedInputError(
        "rollback.held",
        f"{environment} is on hold, rollbacks too",
        where=f"environment {environment}",
        why=event.words,
        state="nothing was changed",
        remedy=f"ask whoever holds it; `tiercel resume {environment}` lets it go on",
    )
