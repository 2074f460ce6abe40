from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.releases import release
from tiercel.domain.base.digests import ArtifactId, Sha256
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.release.entries import UnreadableEntry
from tiercel.domain.teardown.retained_packages import decide_packages
from tiercel.domain.teardown.retention import (
    Artifact,
    KeepReason,
    ManifestSeen,
    Needs,
    PackageSeen,
    Retained,
    RetentionDecision,
    artifact_in,
    counts,
    decide_manifests,
    newest_artifacts,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OLD, YOUNG = NOW - 91 * DAY, NOW - 89 * DAY
NONE: frozenset[Artifact] = frozenset()
NOTHING = Needs(NONE, NONE)


def artifact(number: int) -> Artifact:
    return "orders", ArtifactId(Sha256(f"{number:064x}"))


def manifest(number: int, *packages: int, written: datetime = OLD) -> ManifestSeen:
    key = f"manifests/orders/{number:064x}.json"
    return ManifestSeen(key, written, frozenset(map(package_key, packages)))


def package_key(number: int) -> str:
    return f"packages/{number:064x}.zip"


ONE, HIDDEN = manifest(1, 1), replace(manifest(1, 1), hidden=NOW - HOUR)
OF_ONE = frozenset({artifact(1)})


@pytest.mark.parametrize(
    ("one", "needs", "step", "reason"),
    [
        (ONE, NOTHING, Retained.HIDE, KeepReason.UNNEEDED),
        (manifest(1, written=YOUNG), NOTHING, Retained.KEEP, KeepReason.YOUNG),
        (ONE, replace(NOTHING, days=100), Retained.KEEP, KeepReason.YOUNG),
        (ONE, replace(NOTHING, live=OF_ONE), Retained.KEEP, KeepReason.LIVE),
        (ONE, replace(NOTHING, newest=OF_ONE), Retained.KEEP, KeepReason.NEWEST),
        (ONE, replace(NOTHING, live=None), Retained.KEEP, KeepReason.UNKNOWN),
        (ONE, replace(NOTHING, newest=None), Retained.KEEP, KeepReason.UNKNOWN),
        (replace(ONE, packages=None), NOTHING, Retained.KEEP, KeepReason.DAMAGED),
        (replace(ONE, key="manifests/x"), NOTHING, Retained.KEEP, KeepReason.NOT_OURS),
        (replace(ONE, key="ledger/acme-preprod-orders/00000001/intent.json"), NOTHING,
         Retained.KEEP, KeepReason.NOT_OURS),
        (HIDDEN, NOTHING, Retained.KEEP, KeepReason.HIDDEN),
        (HIDDEN, replace(NOTHING, live=OF_ONE), Retained.RESTORE, KeepReason.NEEDED_AGAIN),
        (HIDDEN, replace(NOTHING, newest=OF_ONE), Retained.RESTORE, KeepReason.NEEDED_AGAIN),
    ],
)  # fmt: skip
def test_a_manifest_is_hidden_when_it_is_known_that_nobody_needs_it_and_it_is_old(
    one: ManifestSeen, needs: Needs, step: Retained, reason: KeepReason
) -> None:
    assert decide_manifests([one], needs, NOW) == (RetentionDecision(one.key, step, reason),)


A = PackageSeen(package_key(1), OLD, 9)
A_HIDDEN = replace(A, hidden=NOW - 25 * HOUR)
LONG_HIDDEN = replace(HIDDEN, hidden=NOW - 25 * HOUR)


@pytest.mark.parametrize(
    ("one", "manifests", "needs", "step", "reason"),
    [
        (A, [], NOTHING, Retained.HIDE, KeepReason.UNNEEDED),
        (A, [manifest(2, 2)], NOTHING, Retained.HIDE, KeepReason.UNNEEDED),
        (A, [ONE], NOTHING, Retained.KEEP, KeepReason.NAMED),
        (A, [HIDDEN], NOTHING, Retained.KEEP, KeepReason.NAMED_LATELY),
        (A, [LONG_HIDDEN], NOTHING, Retained.HIDE, KeepReason.UNNEEDED),
        (A, [LONG_HIDDEN], replace(NOTHING, newest=OF_ONE), Retained.KEEP, KeepReason.NAMED),
        (A, [LONG_HIDDEN, manifest(2, 1)], NOTHING, Retained.KEEP, KeepReason.NAMED),
        (A, [replace(ONE, packages=None)], NOTHING, Retained.KEEP, KeepReason.NAMES_UNKNOWN),
        (A, [], replace(NOTHING, live=None), Retained.KEEP, KeepReason.UNKNOWN),
        (A, [], replace(NOTHING, newest=None), Retained.KEEP, KeepReason.UNKNOWN),
        (replace(A, written=YOUNG), [], NOTHING, Retained.KEEP, KeepReason.YOUNG),
        (replace(A, key="packages/x"), [], NOTHING, Retained.KEEP, KeepReason.NOT_OURS),
        (replace(A, hidden=NOW - HOUR), [], NOTHING, Retained.KEEP, KeepReason.HIDDEN_LATELY),
        (A_HIDDEN, [], NOTHING, Retained.REMOVE, KeepReason.UNNEEDED),
        (A_HIDDEN, [ONE], NOTHING, Retained.RESTORE, KeepReason.NEEDED_AGAIN),
        (A_HIDDEN, [replace(ONE, packages=None)], NOTHING,
         Retained.KEEP, KeepReason.NAMES_UNKNOWN),
        (A_HIDDEN, [], replace(NOTHING, live=None), Retained.KEEP, KeepReason.UNKNOWN),
    ],
)  # fmt: skip
def test_a_package_is_hidden_a_day_after_its_last_manifest_and_removed_a_day_later(
    one: PackageSeen, manifests: list[ManifestSeen], needs: Needs, step: Retained,
    reason: KeepReason,
) -> None:  # fmt: skip
    decided = decide_packages([one], manifests, needs, NOW)
    assert decided == (RetentionDecision(one.key, step, reason, one.size),)


def test_a_manifests_key_says_of_which_artifact_it_is() -> None:
    assert artifact_in(ONE.key) == artifact(1)
    assert artifact_in(ONE.key + "x") is None
    assert artifact_in(package_key(1)) is None


def test_an_entry_that_cannot_be_read_may_need_anything() -> None:
    damaged = UnreadableEntry(
        "acme-preprod-x", 1, RefusedInputError("ledger.entry_damaged", "…").failure
    )
    assert newest_artifacts([release()]) == frozenset({("orders", ArtifactId(Sha256("a" * 64)))})
    assert newest_artifacts([release(), damaged]) is None


@pytest.mark.parametrize(
    ("stack", "counted"),
    [
        ("acme-preprod-orders", True),
        ("acme-ephemeral-a-orders", True),
        ("acme-ephemeral-b-orders", False),
        ("acme-ephemeral-ab-orders", False),
    ],
)
def test_releases_of_stacks_on_demand_count_while_their_environment_lives(
    stack: str, counted: bool
) -> None:
    assert counts(stack, "acme-ephemeral-", {"a"}) is counted


Seen = TypeVar("Seen", ManifestSeen, PackageSeen)
Bucket = tuple[tuple[ManifestSeen, ...], tuple[PackageSeen, ...], Needs]


def a_bucket(seed: int) -> Bucket:
    dice = random.Random(seed)  # noqa: S311 - no secret

    def moment() -> datetime:
        return NOW - dice.choice((HOUR, 30 * HOUR, 89 * DAY, 91 * DAY, 500 * DAY))

    manifests = tuple(
        replace(manifest(number, *(dice.randint(0, 150) for _ in range(3)), written=moment()),
                hidden=moment() if dice.random() < 0.3 else None)
        for number in range(200)
    )  # fmt: skip
    packages = tuple(
        PackageSeen(package_key(number), moment(), 1, moment() if dice.random() < 0.3 else None)
        for number in range(300)
    )

    def some() -> frozenset[Artifact]:
        return frozenset(artifact(dice.randint(0, 250)) for _ in range(20))

    return manifests, packages, Needs(some(), some())


def after(bucket: Bucket, now: datetime) -> Bucket:
    """The bucket after everything that was decided is done."""
    manifests, packages, needs = bucket
    steps = {one.key: one.step for one in decide_manifests(manifests, needs, now)}
    manifests = tuple(_done(one, steps[one.key], now) for one in manifests)
    of_packages = {one.key: one.step for one in decide_packages(packages, manifests, needs, now)}
    packages = tuple(
        _done(one, of_packages[one.key], now)
        for one in packages if of_packages[one.key] is not Retained.REMOVE
    )  # fmt: skip
    return manifests, packages, needs


def _done(one: Seen, step: Retained, now: datetime) -> Seen:
    if step is Retained.HIDE:
        return replace(one, hidden=now)
    return replace(one, hidden=None) if step is Retained.RESTORE else one


BUCKETS = settings(max_examples=15)


@BUCKETS
@given(st.integers(0, 10_000))
def test_what_is_live_or_among_the_newest_releases_is_there_whole_afterwards(seed: int) -> None:
    bucket = a_bucket(seed)
    there_before = {one.key for one in bucket[1]}
    for days in range(4):
        bucket = after(bucket, NOW + days * DAY)
    manifests, packages, needs = bucket
    seen = {one.key for one in packages if not one.hidden}
    for one in manifests:
        wanted = artifact_in(one.key) in ((needs.live or NONE) | (needs.newest or NONE))
        assert not (wanted and one.hidden)
        if not one.hidden:
            assert (one.packages or frozenset()) & there_before <= seen


@BUCKETS
@given(st.integers(0, 10_000))
def test_done_twice_at_one_time_retention_does_nothing_more(seed: int) -> None:
    once = after(a_bucket(seed), NOW)
    assert after(once, NOW) == once


@BUCKETS
@given(st.integers(0, 10_000), st.integers(0, 3_000))
def test_no_package_is_removed_that_was_seen_or_young_or_hidden_within_a_day(
    seed: int, hours: int
) -> None:
    manifests, packages, needs = a_bucket(seed)
    now = NOW + hours * HOUR
    there = {one.key: one for one in packages}
    for one in decide_packages(packages, manifests, needs, now):
        if one.step is Retained.REMOVE:
            hidden = there[one.key].hidden
            assert hidden is not None
            assert now - hidden >= DAY
            assert now - there[one.key].written >= 90 * DAY
