"""The gate of hours and days: by the wall clock of the place that the configuration names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import MAXYEAR, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from tiercel.domain.base.values import Frozen
from tiercel.domain.gates.results import BEGUN_AGAIN, Decision, GateResult
from tiercel.domain.organization.gate_settings import (
    Freeze,
    GateSettings,
    Window,
    parse_freeze,
    parse_window,
)

_NAME = "windows"
_MINUTE = timedelta(minutes=1)
_MOST_MINUTES = 8 * 24 * 60
"""Some window opens within a week, but for a day that a change of clocks shortens."""


class WindowGate(Frozen):
    """Allowed hours by weekday, and days on which nothing is promoted."""

    settings: GateSettings

    def judge(self, now: datetime) -> GateResult:
        """Allow inside a window and outside of freezes; else wait for the next such minute."""
        calendar = _Calendar.of(self.settings)
        freeze = calendar.freeze_at(now)
        if freeze is None and calendar.in_window(now):
            return GateResult(gate=_NAME, decision=Decision.ALLOW, reason=self._hours())
        reason = f"frozen until {freeze.last}: {freeze.reason}" if freeze else self._hours()
        return GateResult(
            gate=_NAME,
            decision=Decision.WAIT,
            reason=reason,
            remedy=BEGUN_AGAIN,
            until=calendar.next_after(now),
        )

    def _hours(self) -> str:
        if not self.settings.windows:
            return "at any hour"
        return f"{', '.join(self.settings.windows)} ({self.settings.timezone})"


@dataclass(frozen=True)
class _Calendar:
    """What the configuration says, read once."""

    zone: ZoneInfo
    windows: tuple[Window, ...]
    freezes: tuple[Freeze, ...]

    @classmethod
    def of(cls, settings: GateSettings) -> Self:
        return cls(
            ZoneInfo(settings.timezone),
            tuple(map(parse_window, settings.windows)),
            tuple(map(parse_freeze, settings.freezes)),
        )

    def in_window(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone)
        return not self.windows or any(_is_in(window, local) for window in self.windows)

    def freeze_at(self, moment: datetime) -> Freeze | None:
        day = moment.astimezone(self.zone).date()
        return next((one for one in self.freezes if one.first <= day <= one.last), None)

    def next_after(self, now: datetime) -> datetime | None:
        """Return the next minute that is allowed, None if nobody can say.

        Each is looked at: clocks are put on and back. A freeze of the last year that there is has
        no end.
        """
        moment = now.replace(second=0, microsecond=0) + _MINUTE
        left = _MOST_MINUTES
        while left:
            freeze = self.freeze_at(moment)
            if freeze and freeze.last.year == MAXYEAR:
                return None
            if freeze:
                moment = max(moment + _MINUTE, self._end_of(freeze, moment))
                left = _MOST_MINUTES
                continue
            if self.in_window(moment):
                return moment
            moment += _MINUTE
            left -= 1
        return None

    def _end_of(self, freeze: Freeze, moment: datetime) -> datetime:
        midnight = datetime.combine(freeze.last + timedelta(days=1), time(), self.zone)
        return midnight.astimezone(moment.tzinfo)


def _is_in(window: Window, local: datetime) -> bool:
    hour = local.time()
    ended = window.closes is not None and hour >= window.closes
    return local.weekday() in window.days and hour >= window.opens and not ended
