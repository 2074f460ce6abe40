"""What a promotion to an environment has to wait for, as the worker's tiercel.toml says it."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints

from tiercel.domain.base.values import Frozen

LONGEST_SOAK_MINUTES = 60 * 24 * 30
LONGEST_DRIFT_HOURS = 24 * 30
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = f"({'|'.join(_DAYS)})"
_WINDOW = re.compile(rf"{_DAY}(?:-{_DAY})? ([0-9]{{2}}:[0-9]{{2}})-([0-9]{{2}}:[0-9]{{2}})")
_FREEZE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.\.([0-9]{4}-[0-9]{2}-[0-9]{2}) (\S.{0,199})")
_MIDNIGHT = "24:00"


class Window(Frozen):
    """Hours of some weekdays, Monday is 0, by the wall clock; without `closes` until midnight."""

    days: frozenset[int]
    opens: time
    closes: time | None


class Freeze(Frozen):
    """Whole days, `last` among them, on which nothing is promoted, and why."""

    first: date
    last: date
    reason: str


def parse_window(text: str) -> Window:
    """Return what `mon-fri 09:00-16:00` says; ValueError for what is no window."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError("a window is written as mon-fri 09:00-16:00")
    begin, end = _DAYS.index(match[1]), _DAYS.index(match[2] or match[1])
    days = frozenset((begin + one) % 7 for one in range((end - begin) % 7 + 1))
    opens = time.fromisoformat(match[3])
    closes = None if match[4] == _MIDNIGHT else time.fromisoformat(match[4])
    if closes is not None and closes <= opens:
        raise ValueError(f"{text}: it closes before it opens; write two, one for each day")
    return Window(days=days, opens=opens, closes=closes)


def parse_freeze(text: str) -> Freeze:
    """Return what `2026-12-19..2027-01-03 REASON` says; ValueError for what is no freeze."""
    match = _FREEZE.fullmatch(text)
    if match is None:
        raise ValueError("a freeze is written as 2026-12-19..2027-01-03 REASON")
    first, last = date.fromisoformat(match[1]), date.fromisoformat(match[2])
    if last < first:
        raise ValueError(f"{text}: it ends before it begins")
    return Freeze(first=first, last=last, reason=match[3])


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"this machine knows no time zone {name!r}") from error
    return name


def _window(text: str) -> str:
    parse_window(text)
    return text


def _freeze(text: str) -> str:
    parse_freeze(text)
    return text


class GateSettings(Frozen):
    """What has to be so before something is promoted; by default nothing has to."""

    soak_minutes: Annotated[int, Field(strict=True, ge=0, le=LONGEST_SOAK_MINUTES)] = 0
    checks: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=255)], ...],
        Field(max_length=50),
    ] = ()
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    windows: Annotated[
        tuple[Annotated[str, AfterValidator(_window)], ...], Field(max_length=50)
    ] = ()
    freezes: Annotated[
        tuple[Annotated[str, AfterValidator(_freeze)], ...], Field(max_length=100)
    ] = ()
    hotfix_passes_hold: Annotated[bool, Field(strict=True)] = False
    drift: Literal["", "none"] = ""
    drift_hours: Annotated[int, Field(strict=True, ge=1, le=LONGEST_DRIFT_HOURS)] = 24
