from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tests.support.releases import NOON, intent, outcome
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.release.ledger import (
    Purpose,
    Rejection,
    Release,
    ReleaseStatus,
    rejected_artifacts,
)
from tiercel.domain.release.promotion import verified_release
from tiercel.domain.release.rollback import (
    begun_by,
    is_as_released,
    may_owe_a_way_back,
    number_running,
    release_before,
    release_to_restore,
    require_restorable,
    restoring,
    way_back_left,
    went_back_before,
)
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus

REJECTION = Rejection(by="ada", reason="it lost orders", at=NOON)


def entry(number: int, artifact: str, status: str = "succeeded", **changes: Any) -> Release:
    """A release of an artifact; `unwell` is one that runs and failed its smoke test."""
    rejection = changes.pop("rejection", None)
    same = {"artifact_id": artifact * 64, "artifact_digest": artifact * 64}
    wanted = intent(number=number, **same | changes)
    if status == "open":
        return Release(intent=wanted)
    ended = outcome(
        status=ReleaseStatus.FAILED if status == "unwell" else ReleaseStatus(status),
        deployed=status in ("succeeded", "unwell"),
    )
    return Release(intent=wanted, outcome=ended, rejection=rejection)


ONE, TWO = entry(1, "a"), entry(2, "b")
OPEN_BACK_TO_TWO = entry(4, "b", "open", purpose=Purpose.ROLLBACK, restores=2)
BACK_TO_ONE = entry(3, "a", purpose=Purpose.ROLLBACK, restores=1)


@pytest.mark.parametrize(
    ("history", "number"),
    [
        ([], None),
        ([ONE], None),
        ([TWO, ONE], 1),
        ([entry(3, "c", "unwell"), TWO, ONE], 2),
        ([entry(3, "c", "failed"), TWO, ONE], 1),
        ([entry(3, "c", "superseded"), TWO, ONE], 1),
        ([entry(3, "c", "open"), TWO, ONE], 1),
        ([entry(3, "c"), entry(2, "b", rejection=REJECTION), ONE], 1),
        ([entry(3, "b"), TWO, ONE], 1),
        ([BACK_TO_ONE, TWO, ONE], None),
        ([entry(4, "d", "unwell"), BACK_TO_ONE, TWO, ONE], 3),
        ([entry(5, "b", purpose=Purpose.ROLLBACK, restores=2), entry(4, "d"), TWO, ONE], 1),
        ([entry(4, "d", "unwell"), entry(3, "c", purpose=Purpose.CANDIDATE), TWO, ONE], 2),
        ([entry(3, "c", purpose=Purpose.CANDIDATE), TWO, ONE], 1),
    ],
    ids=[
        "nothing", "the only one", "the one before", "after a failed smoke test",
        "a failure that never ran", "one that was superseded", "one under way",
        "a rejected one is passed over", "the same once more is no way back",
        "back from the first", "from a bad release to a restored one", "back twice",
        "never to a candidate", "a candidate on the stack is not what is gone back from",
    ],
)  # fmt: skip
def test_the_way_back_leads_to_the_last_good_release_before(
    history: list[Release], number: int | None
) -> None:
    before = release_before(history, None, rejected_artifacts(history))
    assert (before.intent.number if before else None) == number


@pytest.mark.parametrize(
    ("release", "why"),
    [
        (entry(1, "a", "failed"), "it is failed"),
        (entry(1, "a", "open"), "it is open"),
        (entry(1, "a", "superseded"), "it is superseded"),
        (entry(1, "a", rejection=REJECTION), "ada rejected it: it lost orders"),
    ],
)
def test_only_what_was_seen_to_work_is_restored(release: Release, why: str) -> None:
    with pytest.raises(RefusedInputError) as refused:
        require_restorable(release, rejected_artifacts([release]))
    assert why in refused.value.why


def test_a_good_release_may_be_restored() -> None:
    require_restorable(ONE, rejected_artifacts([TWO, ONE]))


def test_a_restored_release_is_the_same_wish_and_says_where_it_comes_from() -> None:
    wish = restoring(TWO)
    assert wish.business_key == TWO.intent.business_key
    assert (wish.purpose, wish.restores) == (Purpose.ROLLBACK, 2)
    assert restoring(BACK_TO_ONE).restores == 1


@pytest.mark.parametrize(
    ("history", "number"),
    [
        ([entry(3, "c", "unwell"), TWO, ONE], 2),
        ([entry(3, "b", "unwell"), TWO, ONE], None),
        ([entry(4, "b", "unwell"), entry(3, "b", "unwell"), TWO, ONE], None),
        ([entry(4, "b", "unwell"), BACK_TO_ONE, TWO, ONE], 3),
        ([entry(4, "b", "unwell"), entry(3, "c", "failed"), TWO, ONE], None),
        ([entry(4, "c", "unwell"), entry(3, "d", rejection=REJECTION), TWO, ONE], 2),
        ([entry(4, "d", "unwell"), entry(3, "c", purpose=Purpose.CANDIDATE), TWO, ONE], 2),
        ([ONE], None),
    ],
)
def test_what_ran_before_a_failed_smoke_test_comes_back_unless_it_was_the_same(
    history: list[Release], number: int | None
) -> None:
    failed = history[0].intent.number
    before = release_to_restore(history, failed, rejected_artifacts(history))
    assert (before.intent.number if before else None) == number


PROMOTED = {"purpose": Purpose.PROMOTION}
UNWELL = entry(3, "c", "unwell", **PROMOTED)


def open_way_to(number: int) -> Release:
    return entry(4, "b", "open", purpose=Purpose.ROLLBACK, restores=number)


@pytest.mark.parametrize(
    ("history", "number"),
    [
        ([UNWELL, TWO, ONE], 2),
        ([open_way_to(2), UNWELL, TWO, ONE], 2),
        ([open_way_to(1), UNWELL, TWO, ONE], None),
        ([open_way_to(2), UNWELL, entry(2, "b", rejection=REJECTION), ONE], None),
        ([open_way_to(1), entry(3, "c", **PROMOTED), TWO, ONE], None),
        ([open_way_to(1), entry(3, "c", "failed", **PROMOTED), TWO, ONE], None),
        ([entry(4, "b", purpose=Purpose.ROLLBACK, restores=2), UNWELL, TWO, ONE], None),
        ([entry(4, "b", "failed", purpose=Purpose.ROLLBACK, restores=2), UNWELL, TWO, ONE], None),
        ([entry(4, "b", "unwell", purpose=Purpose.ROLLBACK, restores=2), UNWELL, TWO, ONE], None),
        ([entry(4, "d", "open", **PROMOTED), UNWELL, TWO, ONE], None),
        ([entry(4, "d", "failed", **PROMOTED), UNWELL, TWO, ONE], None),
        ([entry(3, "c", "open", **PROMOTED), TWO, ONE], None),
        ([entry(3, "c", "unwell", commit="2" * 40, **PROMOTED), TWO, ONE], None),
        ([entry(3, "c", "unwell"), TWO, ONE], None),
        ([entry(3, "b", "unwell", **PROMOTED), TWO, ONE], None),
        ([UNWELL], None),
        ([], None),
    ],
    ids=[
        "none begun", "begun", "a person's own way", "rejected since", "nothing failed",
        "the failed one was never deployed", "done", "going back failed", "what came back failed",
        "something newer is asked for", "something newer failed", "its test is not over",
        "another commit", "no promotion", "the same ran before", "nothing ran before", "nothing",
    ],
)  # fmt: skip
def test_a_way_back_is_left_where_a_run_died_on_it_and_nothing_else_was_asked_for(
    history: list[Release], number: int | None
) -> None:
    left = way_back_left(history, UNWELL.intent.commit, rejected_artifacts(history))
    assert (left.intent.number if left else None) == number
    assert number is None or may_owe_a_way_back(history[0])


@pytest.mark.parametrize(
    ("token", "is_ours"),
    [
        ("release-3-attempt-1", True),
        ("continue_rollback-release-2-attempt-1", True),
        ("release-9-attempt-1", False),
        ("Console-1", False),
        ("", False),
    ],
)
def test_a_stack_that_somebody_else_changed_is_not_as_it_was_released(
    token: str, is_ours: bool
) -> None:
    assert is_as_released([UNWELL, TWO, ONE], token) is is_ours


@pytest.mark.parametrize(
    ("status", "number"),
    [
        (StackStatus.UPDATE_COMPLETE, 5),
        (StackStatus.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, 5),
        (StackStatus.UPDATE_IN_PROGRESS, 5),
        (StackStatus.CREATE_IN_PROGRESS, 5),
        (StackStatus.UPDATE_ROLLBACK_IN_PROGRESS, None),
        (StackStatus.UPDATE_ROLLBACK_COMPLETE, None),
        (StackStatus.UPDATE_FAILED, None),
        (StackStatus.DELETE_IN_PROGRESS, None),
    ],
)
def test_an_operation_under_way_counts_as_what_it_leads_to_unless_it_goes_back(
    status: StackStatus, number: int | None
) -> None:
    stack = Stack(
        stack_id="arn", name="orders", status=status, reason="", outputs={},
        token="release-5-attempt-1",
    )  # fmt: skip
    assert number_running(stack) == number
    assert number_running(None) is None


@pytest.mark.parametrize(
    ("history", "running", "number"),
    [
        ([entry(3, "c", "open"), TWO, ONE], 3, 2),
        ([entry(3, "c", "superseded"), TWO, ONE], 3, 2),
        ([entry(3, "c", "open"), TWO, ONE], 2, 1),
        ([TWO, ONE], 9, 1),
        ([OPEN_BACK_TO_TWO, entry(3, "c", "unwell"), TWO, ONE], 4, 2),
    ],
    ids=[
        "an open one runs",
        "one runs that was superseded",
        "it did not get so far",
        "unknown",
        "another rollback is under way",
    ],
)
def test_what_runs_is_what_the_stack_says_and_not_what_the_ledger_believes(
    history: list[Release], running: int, number: int
) -> None:
    before = release_before(history, running, ())
    assert before
    assert before.intent.number == number


def test_no_release_of_a_rejected_artifact_is_gone_back_to() -> None:
    history = [
        entry(8, "z"),
        entry(7, "x", purpose=Purpose.ROLLBACK, restores=5),
        entry(6, "y"),
        entry(5, "x", rejection=REJECTION),
    ]
    before = release_before(history, None, rejected_artifacts(history))
    assert before
    assert before.intent.number == 6
    with pytest.raises(RefusedInputError):
        require_restorable(history[1], rejected_artifacts(history))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12), st.integers(0, 12))
def test_a_rejection_counts_however_many_releases_came_after_it(
    written: list[tuple[str, bool]], remembered: int
) -> None:
    everything = [
        entry(number, artifact, rejection=REJECTION if is_rejected else None)
        for number, (artifact, is_rejected) in enumerate(written, 1)
    ][::-1]
    rejected = rejected_artifacts(everything)
    newest = everything[:remembered]

    before = release_before(newest, None, rejected)

    assert before is None or before.intent.artifact_id not in rejected
    for one in newest:
        if one.intent.artifact_id in rejected:
            assert verified_release(newest, one.intent.artifact_id, rejected) is None
            with pytest.raises(RefusedInputError, check=because("rollback.not_restorable")):
                require_restorable(one, rejected)
        else:
            assert verified_release(newest, one.intent.artifact_id, rejected)
            require_restorable(one, rejected)


def test_a_run_that_is_executed_again_goes_back_to_the_same_release() -> None:
    begun = entry(4, "a", "open", purpose=Purpose.ROLLBACK, restores=1, flow_run="run-9")
    assert begun_by([begun, TWO, ONE], "run-9") == 1
    assert begun_by([begun, TWO, ONE], "run-1") is None


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("nothing was changed", "nothing was changed; before that {0} went back to release 1"),
        ("", "{0} went back to release 1"),
    ],
)
def test_a_failure_after_a_way_back_says_what_went_back(state: str, said: str) -> None:
    assert went_back_before(state, [BACK_TO_ONE]) == said.format(BACK_TO_ONE.intent.stack)
