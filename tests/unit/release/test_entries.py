from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tests.support.releases import STACK, intent, outcome
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.release.entries import (
    Entry,
    UnreadableEntry,
    needed,
    number_of,
    readable_of,
    unreadable_entries,
    unreadable_of,
)
from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.release.live import (
    StackSeen,
    Standing,
    live_of,
    needed_entries,
    standing_of,
)
from tiercel.domain.release.promotion import verified_release
from tiercel.domain.release.rollback import begun_by, release_before
from tiercel.domain.release.superseding import failed_commits

DAMAGED = RefusedInputError("ledger.entry_damaged", "entry … cannot be read").failure


def bad(number: int) -> UnreadableEntry:
    return UnreadableEntry(STACK, number, DAMAGED)


def good(number: int, artifact: str = "a", **ended: Any) -> Release:
    same = {"artifact_id": artifact * 64, "artifact_digest": artifact * 64}
    return Release(intent=intent(number=number, **same), outcome=outcome(**ended))


def failed(number: int, artifact: str = "a") -> Release:
    return good(number, artifact, status=ReleaseStatus.FAILED, deployed=False)


NEEDS_IT = because("ledger.entry_damaged")


@given(st.lists(st.booleans(), max_size=8))
def test_every_entry_is_either_readable_or_told(readable: list[bool]) -> None:
    entries: list[Entry] = [good(n) if ok else bad(n) for n, ok in enumerate(readable, 1)]
    both: list[Entry] = [*readable_of(entries), *unreadable_of(entries)]
    assert sorted(map(number_of, both)) == list(range(1, len(entries) + 1))
    assert len(readable_of(entries)) == sum(readable)


def test_who_needs_an_entry_that_cannot_be_read_gets_its_error_and_not_before() -> None:
    entries = needed([good(3), bad(2), good(1)])
    assert next(entries).intent.number == 3
    with pytest.raises(RefusedInputError, check=NEEDS_IT):
        next(entries)


def test_many_unreadable_entries_are_counted_and_a_few_are_told() -> None:
    error = unreadable_entries([bad(n) for n in range(1, 10)])
    assert error.code == "ledger.unreadable_entries"
    assert "9" in error.what
    assert len(error.causes) == 5
    assert f"{STACK}/1" in error.where


@pytest.mark.parametrize(
    ("history", "running", "unreadable"),
    [
        ([bad(3), good(2), good(1)], 2, [3]),
        ([good(2), bad(1)], 2, []),
        ([bad(2), bad(1)], None, [2, 1]),
        ([failed(3), bad(2), good(1)], 1, [2]),
    ],
)
def test_what_runs_is_shown_beside_what_cannot_be_read(
    history: list[Entry], running: int | None, unreadable: list[int]
) -> None:
    live = live_of(STACK, history)
    assert (live.running.intent.number if live.running else None) == running
    assert [one.number for one in live.unreadable] == unreadable
    seen = StackSeen(exists=True, token="release-7-attempt-1")
    standing, words = standing_of(live, seen)
    assert (standing is Standing.UNREADABLE) is bool(unreadable)
    assert all(str(number) in words for number in unreadable)


@pytest.mark.parametrize(
    ("history", "least", "kept"),
    [
        ([good(3), good(2), good(1)], 2, [3, 2]),
        ([failed(4), failed(3), failed(2), good(1)], 2, [4, 3, 2, 1]),
        ([failed(4), bad(3), failed(2), good(1)], 1, [4, 3, 2, 1]),
        ([failed(4), good(3), good(2)], 1, [4, 3]),
        ([failed(2), failed(1)], 1, [2, 1]),
        ([good(1)], 20, [1]),
        ([], 20, []),
    ],
)
def test_what_a_stack_runs_is_needed_however_many_releases_failed_since(
    history: list[Entry], least: int, kept: list[int]
) -> None:
    assert [number_of(one) for one in needed_entries(history, least)] == kept


@pytest.mark.parametrize(
    ("history", "found"),
    [
        ([good(3), bad(2)], 3),
        ([bad(3), good(2)], None),
        ([failed(3, "b"), bad(2), good(1)], None),
        ([bad(1)], None),
    ],
)
def test_a_promotion_needs_every_entry_that_is_newer_than_the_verdict(
    history: list[Entry], found: int | None
) -> None:
    if found:
        verified = verified_release(history, good(1).intent.artifact_id, set())
        assert verified
        assert verified.intent.number == found
    else:
        with pytest.raises(RefusedInputError, check=NEEDS_IT):
            verified_release(history, good(1).intent.artifact_id, set())


@pytest.mark.parametrize(
    ("history", "running", "found"),
    [
        ([good(4, "d"), good(3, "c"), bad(2)], 4, 3),
        ([bad(4), good(3, "c"), good(2, "b")], 3, 2),
        ([good(4, "d"), bad(3), good(2, "b")], 4, None),
        ([bad(4), good(3, "c"), good(2, "b")], None, None),
    ],
    ids=["older than the way back", "newer than what runs", "between", "nobody knows what runs"],
)
def test_the_way_back_passes_no_entry_that_cannot_be_read(
    history: list[Entry], running: int | None, found: int | None
) -> None:
    if found:
        before = release_before(history, running, set())
        assert before
        assert before.intent.number == found
    else:
        with pytest.raises(RefusedInputError, check=NEEDS_IT):
            release_before(history, running, set())


def test_what_cannot_be_read_says_nothing_of_commits_and_runs() -> None:
    history: list[Entry] = [bad(3), failed(2)]
    assert failed_commits(history) == {failed(2).intent.commit}
    assert begun_by(history, "run-1") is None
