from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.domain.ephemeral.environments import EphemeralRecord, EphemeralState, OriginKind
from tiercel.domain.ephemeral.lifetimes import (
    Life,
    LifeReason,
    LifeStep,
    LivesSeen,
    StacksOnDemand,
    decide_lives,
    next_warned,
    still_meant,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ENDS = NOW + 5 * HOUR
ALIVE = Life("a", ENDS)
SOON = Life("a", NOW + HOUR)


@pytest.mark.parametrize(
    ("life", "has_stacks", "warned", "reason", "step"),
    [
        (ALIVE, True, None, LifeReason.ALIVE, LifeStep.NOTHING),
        (replace(ALIVE, origin_exists=True), True, None, LifeReason.ALIVE, LifeStep.NOTHING),
        (replace(ALIVE, origin_exists=False), True, None,
         LifeReason.ORIGIN_GONE, LifeStep.DESTROY),
        (replace(ALIVE, is_promoted=True), True, None, LifeReason.PROMOTED, LifeStep.DESTROY),
        (replace(ALIVE, expires=NOW), True, None, LifeReason.EXPIRED, LifeStep.DESTROY),
        (replace(ALIVE, expires=NOW), False, None, LifeReason.EXPIRED, LifeStep.DESTROY),
        (replace(ALIVE, expires=NOW + MINUTE), True, None, LifeReason.ENDS_SOON, LifeStep.WARN),
        (SOON, True, None, LifeReason.ENDS_SOON, LifeStep.WARN),
        (SOON, True, SOON.expires, LifeReason.WARNED, LifeStep.NOTHING),
        (SOON, True, SOON.expires - HOUR, LifeReason.ENDS_SOON, LifeStep.WARN),
        (replace(SOON, expires=SOON.expires + MINUTE), True, None,
         LifeReason.ALIVE, LifeStep.NOTHING),
        (replace(ALIVE, is_going_down=True), True, None, LifeReason.GOING_DOWN, LifeStep.DESTROY),
        (replace(ALIVE, is_gone=True), False, None, LifeReason.GONE, LifeStep.NOTHING),
        (replace(ALIVE, is_gone=True), True, None, LifeReason.STACKS_LEFT, LifeStep.DESTROY),
    ],
)  # fmt: skip
def test_an_environment_goes_when_its_time_is_over_or_what_it_is_of_is_gone(
    life: Life, has_stacks: bool, warned: datetime | None, reason: LifeReason, step: LifeStep
) -> None:
    stacks = (StacksOnDemand("a", NOW - HOUR),) if has_stacks else ()
    told = {"a": warned} if warned else {}
    found = decide_lives(LivesSeen((life,), stacks, told), NOW)
    assert [(one.name, one.reason, one.step) for one in found] == [("a", reason, step)]


@pytest.mark.parametrize(
    ("age", "reason", "step"),
    [
        (59 * MINUTE, LifeReason.HARDLY_MADE, LifeStep.NOTHING),
        (HOUR, LifeReason.UNRECORDED, LifeStep.DESTROY),
    ],
)
def test_stacks_that_no_record_speaks_of_go_too(
    age: timedelta, reason: LifeReason, step: LifeStep
) -> None:
    seen = LivesSeen((ALIVE,), (StacksOnDemand("b", NOW - age), StacksOnDemand("a", NOW)))
    found = {one.name: one for one in decide_lives(seen, NOW)}
    assert (found["b"].reason, found["b"].step) == (reason, step)
    assert found["a"].step is LifeStep.NOTHING


def test_stacks_whose_record_cannot_be_read_stay_however_old_they_are() -> None:
    seen = LivesSeen((), (StacksOnDemand("b", NOW - 99 * HOUR),), unreadable=frozenset({"b", "c"}))
    found = [(one.name, one.reason, one.step) for one in decide_lives(seen, NOW)]
    unknown = (LifeReason.UNREADABLE, LifeStep.NOTHING)
    assert found == [("b", *unknown), ("c", *unknown)]


def test_an_owner_is_told_once_of_each_end() -> None:
    first = decide_lives(LivesSeen((SOON,)), NOW)
    told = next_warned(first, {"gone": NOW})
    assert told == {"a": SOON.expires}
    again = decide_lives(LivesSeen((SOON,), warned=told), NOW + 15 * MINUTE)
    assert [one.step for one in again] == [LifeStep.NOTHING]
    assert next_warned(again, told) == told
    extended = replace(SOON, expires=SOON.expires + 9 * HOUR)
    assert next_warned(decide_lives(LivesSeen((extended,), warned=told), NOW), told) == {}


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(0, 1_000))
def test_what_is_to_be_destroyed_stays_so_and_is_nothing_that_was_not_seen(
    seed: int, minutes: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - no secret
    lives = tuple(
        Life(f"e{number}", NOW + timedelta(minutes=dice.randint(-90, 200)),
             dice.choice((True, False, None)), dice.random() < 0.1, dice.random() < 0.3)
        for number in range(40)
    )  # fmt: skip
    stacks = tuple(
        StacksOnDemand(f"e{dice.randint(0, 60)}", NOW - timedelta(minutes=dice.randint(0, 200)))
        for _ in range(40)
    )
    seen = LivesSeen(lives, tuple({one.name: one for one in stacks}.values()))

    def destroyed(now: datetime) -> set[str]:
        return {one.name for one in decide_lives(seen, now) if one.step is LifeStep.DESTROY}

    assert destroyed(NOW) <= destroyed(NOW + timedelta(minutes=minutes))
    known = {one.name for one in seen.lives} | {one.name for one in seen.stacks}
    assert destroyed(NOW) <= known
    later = NOW + timedelta(days=9)
    assert {one.name for one in lives if not one.is_gone} <= destroyed(later)


RECORD = EphemeralRecord(
    name="ab",
    owner="ada",
    purpose="",
    origin=OriginKind.BRANCH,
    origin_of="feature/x",
    repository="acme/shop",
    commit="1" * 40,
    services=("orders",),
    created=NOW,
    expires=ENDS,
    state=EphemeralState.UP,
)


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({}, True),
        ({"state": EphemeralState.GOING_DOWN}, True),
        ({"expires": ENDS + HOUR}, False),
        ({"generation": 2}, False),
    ],
)
def test_what_was_extended_or_made_anew_meanwhile_is_not_what_was_decided_about(
    changes: dict[str, Any], meant: bool
) -> None:
    assert still_meant(RECORD, RECORD.model_copy(update=changes)) is meant


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (EphemeralState.COMING_UP, LifeReason.ORIGIN_GONE),
        (EphemeralState.UP, LifeReason.ORIGIN_GONE),
        (EphemeralState.GOING_DOWN, LifeReason.GOING_DOWN),
        (EphemeralState.GONE, LifeReason.GONE),
    ],
)
def test_a_record_says_how_an_environment_lives(state: EphemeralState, reason: LifeReason) -> None:
    life = Life.of(RECORD.model_copy(update={"state": state}), origin_exists=False)
    assert [one.reason for one in decide_lives(LivesSeen((life,)), NOW)] == [reason]
