"""What a promotion to an environment has to wait for, as the worker's tiercel.toml says it."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.approvers import Approver, PinnedRole, vouches_for_a_person

LONGEST_SOAK_MINUTES = 60 * 24 * 30
LONGEST_DRIFT_HOURS = 24 * 30
LONGEST_APPROVAL_HOURS = 24 * 30
OverridableGate = Literal["windows", "soak", "checks"]
"""A hold is none: whoever thinks that it is wrong ends it, by his own name."""
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
    approvals: Annotated[int, Field(strict=True, ge=0, le=10)] = 0
    approval_hours: Annotated[int, Field(strict=True, ge=1, le=LONGEST_APPROVAL_HOURS)] = 72
    approvers: Annotated[tuple[Approver, ...], Field(max_length=100)] = ()
    pinned_session_names: Annotated[tuple[PinnedRole, ...], Field(max_length=20)] = ()
    overridable: Annotated[tuple[OverridableGate, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _approvers_that_can_be_told_apart(self) -> Self:
        """One person with two names would be two people, and two with one account nobody."""
        told = ("name", "github", "aws")
        for key in told:
            values = [one for approver in self.approvers if (one := getattr(approver, key))]
            twice = next((one for one in values if values.count(one) > 1), None)
            if twice is not None:
                raise ValueError(f"approvers: two of them have the {key} {twice}")
        for approver in self.approvers:
            if approver.aws and not vouches_for_a_person(approver.aws, self.pinned_session_names):
                raise ValueError(
                    f"approvers: {approver.name}: whoever assumes that role chooses the session's "
                    "name; only roles of `pinned_session_names` have a trust that forbids it"
                )
        return self

    @model_validator(mode="after")
    def _words_that_can_be_given(self) -> Self:
        if self.approvals > len(self.approvers):
            raise ValueError(f"approvals: {self.approvals} of {len(self.approvers)} approvers")
        if self.overridable and not self.approvals:
            raise ValueError("overridable: without `approvals` nobody gives a word that could")
        return self

    def approver(self, name: str) -> Approver | None:
        """Return the approver of a name, None if there is none (any more)."""
        return next((one for one in self.approvers if one.name == name), None)
