"""The gates of what was verified: how long ago, and which checks of the commit passed."""

from __future__ import annotations

from datetime import datetime, timedelta

from tiercel.domain.base.values import Frozen
from tiercel.domain.gates.results import BEGUN_AGAIN, Decision, GateResult

PASSED = "success"
_SOAK, _CHECKS = "soak", "checks"


class SoakGate(Frozen):
    """So many minutes ago every artifact was verified at least; `verified` by service."""

    minutes: int
    verified: dict[str, datetime]

    def judge(self, now: datetime) -> GateResult:
        """Wait for the newest of the artifacts."""
        if not self.minutes or not self.verified:
            return GateResult(gate=_SOAK, decision=Decision.ALLOW, reason="no time is demanded")
        service, newest = max(self.verified.items(), key=lambda one: one[1])
        until = newest + timedelta(minutes=self.minutes)
        reason = f"{service} was verified at {newest:%Y-%m-%d %H:%M} UTC"
        if now >= until:
            return GateResult(gate=_SOAK, decision=Decision.ALLOW, reason=reason)
        return GateResult(
            gate=_SOAK,
            decision=Decision.WAIT,
            reason=f"{reason}, less than {self.minutes} minutes ago",
            remedy=BEGUN_AGAIN,
            until=until,
        )


class CheckGate(Frozen):
    """Checks of the commit that have to have passed.

    `found` has the state of each status and check run; it is None where GitHub cannot be asked.
    """

    required: tuple[str, ...]
    found: dict[str, str] | None

    def judge(self, now: datetime) -> GateResult:  # noqa: ARG002 - as every gate is asked
        """Refuse what has not passed, be it that it is still under way."""
        if not self.required:
            return GateResult(gate=_CHECKS, decision=Decision.ALLOW, reason="none is demanded")
        if self.found is None:
            return GateResult(
                gate=_CHECKS,
                decision=Decision.REFUSE,
                reason="there are no GitHub credentials with which to ask",
                remedy="give the worker GITHUB_TOKEN or the GitHub App",
            )
        states = {name: self.found.get(name, "missing") for name in self.required}
        open_ones = [f"{name} is {state}" for name, state in states.items() if state != PASSED]
        if not open_ones:
            reason = f"{len(states)} passed"
            return GateResult(gate=_CHECKS, decision=Decision.ALLOW, reason=reason)
        return GateResult(
            gate=_CHECKS,
            decision=Decision.REFUSE,
            reason=", ".join(open_ones),
            remedy="let them pass on this commit, then run it again",
        )
