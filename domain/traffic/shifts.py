"""A shift as CodeDeploy tells it: which alias, how far it has come, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.values import Frozen
from tiercel.domain.stack.events import StackEvent

ALIAS_TYPE = "AWS::Lambda::Alias"

BEFORE, SHIFTING, AFTER = "BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"
_ENDED = frozenset({"Succeeded", "Failed", "Stopped"})
_LONGEST_WAIT = 15.0
USUAL_WAIT = 2.5
"""Seconds between two looks at most, where no traffic shifts."""


class TakenBackBy(StrEnum):
    """Why a shift did not come to its end."""

    ALARM = "alarm"
    HOOK = "hook"
    SMOKE_TEST = "smoke-test"
    PERSON = "person"
    TIME = "time"
    OTHER = "other"


class ShiftEvent(StoredRecord):
    """A lifecycle event of a shift: a hook before, the traffic itself, or a hook after."""

    name: str
    status: str
    message: str = ""
    began: datetime | None = None
    ended: datetime | None = None


class Shift(StoredRecord):
    """One deployment of CodeDeploy, of one alias; kept in the ledger once it has ended.

    `percent` is the share of the traffic that the new version got at last, `code` and `message`
    are CodeDeploy's own where it ended before its time, and `rollback` is the deployment that took
    the traffic back. `refused` is what Tiercel's own smoke test found where it stopped the shift.
    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html
    """

    deployment: str
    application: str
    group: str
    configuration: str
    status: str
    function: str = ""
    alias: str = ""
    old_version: str = ""
    new_version: str = ""
    percent: float = 0.0
    code: str = ""
    message: str = ""
    refused: str = ""
    rollback: str = ""
    took_back: str = ""
    hooks: dict[str, str] = Field(default_factory=dict)
    events: tuple[ShiftEvent, ...] = ()
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in _ENDED

    @property
    def failed(self) -> bool:
        """Whether it ended before all traffic had gone over."""
        return self.is_over and self.status != "Succeeded"

    @property
    def is_way_back(self) -> bool:
        """Whether it takes back what another deployment had shifted."""
        return bool(self.took_back)

    @property
    def failed_hook(self) -> ShiftEvent | None:
        """The hook that stopped it, if one did."""
        hooks = (one for one in self.events if one.name != SHIFTING)
        return next((one for one in hooks if one.status == "Failed"), None)

    @property
    def taken_back_by(self) -> TakenBackBy | None:
        """Who or what ended it, None if nothing did.

        https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_ErrorInformation.html
        """
        if not self.failed:
            return None
        if self.refused:
            return TakenBackBy.SMOKE_TEST
        by_code = {
            "ALARM_ACTIVE": TakenBackBy.ALARM,
            "MANUAL_STOP": TakenBackBy.PERSON,
            "TIMEOUT": TakenBackBy.TIME,
        }
        if self.code in by_code:
            return by_code[self.code]
        return TakenBackBy.HOOK if self.failed_hook else TakenBackBy.OTHER

    @property
    def what(self) -> str:
        """The alias and its two versions, in words."""
        versions = f"version {self.old_version} to {self.new_version}"
        return f"{self.function}:{self.alias} from {versions}" if self.alias else self.group

    @property
    def took(self) -> str:
        """How long it took, as minutes and seconds; empty while it is not over."""
        if not (self.began and self.ended):
            return ""
        minutes, seconds = divmod(round((self.ended - self.began).total_seconds()), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"

    def line(self) -> str:
        """Return how it stands, as a line for a log."""
        who = f" by {self.taken_back_by}" if self.taken_back_by else ""
        took = f" in {self.took}" if self.took else ""
        share = _share(self.percent)
        return f"{self.deployment}: {self.what}: {self.status}{who}{took}, {share}"


def news(before: Shift | None, now: Shift, address: str = "") -> list[str]:
    """Return what has happened between two looks at a shift, a line for each thing.

    Where it can be looked at is said once.
    """
    told = []
    if before is None:
        shown = f"{now.deployment} {address}".rstrip()
        told.append(f"traffic of {now.what} shifts by {now.configuration}: {shown}")
    statuses = {one.name: one.status for one in before.events} if before else {}
    for one in now.events:
        changed = one.status != statuses.get(one.name, "Pending")
        if changed and one.name != SHIFTING and now.hooks.get(one.name):
            why = f": {one.message}" if one.message else ""
            told.append(f"{now.deployment}: hook {one.name} {one.status}{why}")
    if now.percent != (before.percent if before else 0.0):
        told.append(f"{now.deployment}: version {now.new_version} has {_share(now.percent)}")
    if now.is_over and not (before and before.is_over):
        why = f": {now.message}" if now.message else ""
        told.append(f"{now.deployment}: {now.status}{why}")
    return told


def updates_an_alias(event: StackEvent) -> bool:
    """Tell whether CloudFormation began to update an alias, whose traffic may shift then."""
    return event.resource_type == ALIAS_TYPE and event.status == "UPDATE_IN_PROGRESS"


def longest_wait(shifts: Iterable[Shift]) -> float:
    """Return how long to wait at most between two looks, in seconds.

    While traffic shifts, which takes minutes, six times as long as else.
    """
    return _LONGEST_WAIT if any(not one.is_over for one in shifts) else USUAL_WAIT


def taken_back(shifts: Sequence[Shift]) -> Shift | None:
    """Return the first shift that ended before its time, None if each came to its end."""
    return next((one for one in shifts if one.failed and not one.is_way_back), None)


def activated_alarms(message: str) -> list[str]:
    """Return the alarms that CodeDeploy names when they have stopped a deployment."""
    _, found, rest = message.partition("Activated alarms:")
    names = rest.split(">") if found else []
    return [name.strip().removeprefix("<") for name in names if name.strip().startswith("<")]


class AlarmSeen(Frozen):
    """An alarm as CloudWatch tells it: what it watches, and why it is in the state that it is."""

    name: str
    state: str = ""
    metric: str = ""
    threshold: str = ""
    reason: str = ""

    def line(self) -> str:
        """Return it as a line of a failure."""
        watched = f" on {self.metric}" if self.metric else ""
        limit = f", threshold {self.threshold}" if self.threshold else ""
        state = f" is {self.state}" if self.state else ""
        return f"alarm {self.name}{state}{watched}{limit}" + (
            f": {self.reason}" if self.reason else ""
        )


def _share(percent: float) -> str:
    return f"{percent:g} % of the traffic"
