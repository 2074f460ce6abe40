"""The gate of drift: whether somebody looked lately, and found everything as it was released."""

from __future__ import annotations

from datetime import datetime, timedelta

from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.drift.report import DriftReport
from tiercel.domain.gates.results import Decision, GateResult
from tiercel.domain.organization.gate_settings import GateSettings

_NAME = "drift"
_MOST_NAMED = 5
_LONGEST = 200
_CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much the worker's clock may be behind the bucket's, by which reports are dated."""


class DriftGate(Frozen):
    """Whether nothing has drifted: `report` is the newest look, None if nobody looked."""

    settings: GateSettings
    report: DriftReport | None

    def judge(self, now: datetime) -> GateResult:
        """Refuse unless the newest look is not too old and found nothing."""
        if not self.settings.drift:
            return GateResult(gate=_NAME, decision=Decision.ALLOW, reason="no look is demanded")
        if self.report is None:
            return _closed("nobody has looked yet", _look_again(""))
        age, report = now - self.report.at, self.report
        looked = f"looked at {report.at:%Y-%m-%d %H:%M} UTC"
        if not -_CLOCKS_DIFFER <= age <= timedelta(hours=self.settings.drift_hours):
            limit = f"{self.settings.drift_hours} hours"
            return _closed(
                f"{looked}, which is not within {limit}", _look_again(report.environment)
            )
        if not report.is_clean:
            return _closed(f"{looked}: {_named(report)}", _mend(report))
        return GateResult(gate=_NAME, decision=Decision.ALLOW, reason=f"{looked}: none")


def _closed(reason: str, remedy: str) -> GateResult:
    return GateResult(gate=_NAME, decision=Decision.REFUSE, reason=reason, remedy=remedy)


def _named(report: DriftReport) -> str:
    named = [f"{one.where}: {one.what}: {one.kind}" for one in report.findings[:_MOST_NAMED]]
    more = len(report.findings) + report.left_out - len(named)
    told = [printable(one, _LONGEST) for one in named]
    return "; ".join(told + ([f"and {more} more"] if more > 0 else []))


def _mend(report: DriftReport) -> str:
    page = f"the artifact drift-{report.environment}"
    return f"see the remedy of each in {page}, then {_look_again(report.environment)}"


def _look_again(environment: str) -> str:
    return f"`tiercel drift{f' {environment}' if environment else ''}` looks again"
