"""How long environments on demand live: which go now, whose owner is warned, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from tiercel.domain.ephemeral.environments import EphemeralRecord, EphemeralState

WARNED_BEFORE = timedelta(hours=1)
"""So long before its end an environment's owner is told."""
_UNRECORDED_FOR = timedelta(hours=1)
"""A record is written before the first stack is made, so one without is nobody's."""


class LifeStep(StrEnum):
    """What is done about an environment."""

    DESTROY = "destroy"
    WARN = "warn"
    NOTHING = "nothing"


class LifeReason(StrEnum):
    """Why."""

    EXPIRED = "its time is over"
    ORIGIN_GONE = "its branch or pull request is gone"
    PROMOTED = "what it verified was promoted"
    GOING_DOWN = "its end was begun"
    STACKS_LEFT = "it is recorded as gone, and has stacks"
    UNRECORDED = "its stacks have no record"
    ENDS_SOON = "its time is over within the hour"
    WARNED = "its time is over within the hour, and its owner knows"
    ALIVE = "its time is not over"
    GONE = "it is gone"
    HARDLY_MADE = "its stacks have no record yet"
    UNREADABLE = "its record cannot be read"


_STEPS = {
    LifeReason.EXPIRED: LifeStep.DESTROY,
    LifeReason.ORIGIN_GONE: LifeStep.DESTROY,
    LifeReason.PROMOTED: LifeStep.DESTROY,
    LifeReason.GOING_DOWN: LifeStep.DESTROY,
    LifeReason.STACKS_LEFT: LifeStep.DESTROY,
    LifeReason.UNRECORDED: LifeStep.DESTROY,
    LifeReason.ENDS_SOON: LifeStep.WARN,
}


@dataclass(frozen=True)
class Life:
    """What is known of one environment that has a record.

    `origin_exists` tells whether its branch is there, or its pull request open; None where it
    has neither, and where that could not be found out. `is_promoted` tells that production has
    what it was made to verify.
    """

    name: str
    expires: datetime
    origin_exists: bool | None = None
    is_going_down: bool = False
    is_gone: bool = False
    is_promoted: bool = False

    @classmethod
    def of(
        cls, record: EphemeralRecord, *, origin_exists: bool | None, is_promoted: bool = False
    ) -> Self:
        """Return what a record and its origin say."""
        return cls(
            name=record.name,
            expires=record.expires,
            origin_exists=origin_exists,
            is_going_down=record.state is EphemeralState.GOING_DOWN,
            is_gone=record.state is EphemeralState.GONE,
            is_promoted=is_promoted,
        )


@dataclass(frozen=True)
class LifeDecision:
    """What is done about one environment, and why. `expires` is None without a record."""

    name: str
    reason: LifeReason
    expires: datetime | None = None

    @property
    def step(self) -> LifeStep:
        """What is done."""
        return _STEPS.get(self.reason, LifeStep.NOTHING)


@dataclass(frozen=True)
class StacksOnDemand:
    """The stacks with one environment's name, and when the newest of them was made."""

    name: str
    newest: datetime


@dataclass(frozen=True)
class LivesSeen:
    """Everything that is known of environments on demand.

    `warned` has the end of which each environment's owner was told: a new one is told again.
    `unreadable` names those whose records cannot be read: nobody knows whether they are over.
    """

    lives: tuple[Life, ...] = ()
    stacks: tuple[StacksOnDemand, ...] = ()
    warned: Mapping[str, datetime] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()


def decide_lives(seen: LivesSeen, now: datetime) -> tuple[LifeDecision, ...]:
    """Return what is done about every environment, by name."""
    unknown = [LifeDecision(name, LifeReason.UNREADABLE) for name in seen.unreadable]
    found = [*_recorded(seen, now), *_unrecorded(seen, now), *unknown]
    return tuple(sorted(found, key=lambda one: one.name))


def _recorded(seen: LivesSeen, now: datetime) -> Iterator[LifeDecision]:
    with_stacks = {one.name for one in seen.stacks}
    for life in seen.lives:
        reason = _reason(life, seen.warned.get(life.name), now, has_stacks=life.name in with_stacks)
        yield LifeDecision(life.name, reason, life.expires)


def _reason(life: Life, warned: datetime | None, now: datetime, *, has_stacks: bool) -> LifeReason:
    """What is not known keeps an environment alive until its time is over, and no longer."""
    if life.is_gone:
        return LifeReason.STACKS_LEFT if has_stacks else LifeReason.GONE
    over = {
        LifeReason.GOING_DOWN: life.is_going_down,
        LifeReason.EXPIRED: life.expires <= now,
        LifeReason.PROMOTED: life.is_promoted,
        LifeReason.ORIGIN_GONE: life.origin_exists is False,
    }
    for reason, is_so in over.items():
        if is_so:
            return reason
    if life.expires - now > WARNED_BEFORE:
        return LifeReason.ALIVE
    return LifeReason.WARNED if warned == life.expires else LifeReason.ENDS_SOON


def _unrecorded(seen: LivesSeen, now: datetime) -> Iterator[LifeDecision]:
    recorded = {life.name for life in seen.lives} | seen.unreadable
    for one in seen.stacks:
        if one.name not in recorded:
            is_old = now - one.newest >= _UNRECORDED_FOR
            reason = LifeReason.UNRECORDED if is_old else LifeReason.HARDLY_MADE
            yield LifeDecision(one.name, reason)


def still_meant(seen: EphemeralRecord, found: EphemeralRecord) -> bool:
    """Tell whether what was decided of an environment holds: nobody extended it or made it anew."""
    return found.generation == seen.generation and found.expires == seen.expires


def next_warned(
    decisions: Iterable[LifeDecision], before: Mapping[str, datetime]
) -> dict[str, datetime]:
    """Return of which ends owners were told, once those of these decisions are told too."""
    told = {one.name: one.expires for one in decisions if one.expires and one.step is LifeStep.WARN}
    ends = {one.name: one.expires for one in decisions}
    return {name: end for name, end in before.items() if ends.get(name) == end} | told
