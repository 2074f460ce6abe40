from __future__ import annotations

import pytest

from tests.support.releases import STACK, outcome, release
from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.release.live import Live, StackSeen, Standing, live_of, open_words, standing_of

RUNNING = release(outcome(stack_token="release-7-attempt-1"))
OPEN = release(number=9)
ROLLED_BACK = release(
    outcome(status=ReleaseStatus.FAILED, deployed=False, stack_token="release-8-attempt-2"),
    number=8,
)
UNDONE = release(outcome(status=ReleaseStatus.FAILED, deployed=False, stack_token=""), number=8)
UNWELL = release(outcome(status=ReleaseStatus.FAILED, deployed=True, stack_token=""))
REPAIR = "delete-of-release-9-attempt-1"
OPEN_SINCE = "release 9 open since 2026-03-01 12:00:00, may be running"
AS_RELEASED = (Standing.AS_RELEASED, "as released")
GONE = StackSeen(exists=False)


def live(*newest_first: Release) -> Live:
    return live_of(STACK, newest_first)


def seen(token: str) -> StackSeen:
    return StackSeen(exists=True, token=token)


@pytest.mark.parametrize(
    ("of", "stack", "standing", "words"),
    [
        (live(RUNNING), seen("release-7-attempt-1"), *AS_RELEASED),
        (live(RUNNING), seen("Console-1"), Standing.CHANGED, "changed past Tiercel"),
        (live(RUNNING), seen(""), Standing.CHANGED, "changed past Tiercel"),
        (live(RUNNING), GONE, Standing.CHANGED, "changed past Tiercel: the stack is gone"),
        (
            live(RUNNING),
            seen("release-12-attempt-1"),
            Standing.CHANGED,
            "the stack runs release 12, which the ledger does not have",
        ),
        (live(RUNNING), None, Standing.UNKNOWN, "unknown"),
        (
            live(ROLLED_BACK, RUNNING),
            seen("release-8-attempt-2"),
            Standing.AS_RELEASED,
            "as released",
        ),
        (live(UNDONE, RUNNING), seen(""), Standing.CHANGED, "changed past Tiercel"),
        (live(UNWELL), seen(""), Standing.CHANGED, "changed past Tiercel"),
        (live(release(outcome(stack_token=""))), seen(""), *AS_RELEASED),
        (live(OPEN, RUNNING), seen("release-7-attempt-1"), Standing.OPEN, OPEN_SINCE),
        (live(OPEN, RUNNING), seen("release-9-attempt-1"), Standing.OPEN, OPEN_SINCE),
        (live(OPEN, RUNNING), seen(REPAIR), Standing.OPEN, OPEN_SINCE),
        (live(OPEN, RUNNING), seen("Console-1"), Standing.CHANGED, "changed past Tiercel"),
        (live(OPEN, ROLLED_BACK, RUNNING), None, Standing.OPEN, OPEN_SINCE),
        (live(OPEN), GONE, Standing.OPEN, OPEN_SINCE),
        (live(OPEN), seen("release-9-attempt-1"), Standing.OPEN, OPEN_SINCE),
    ],
)
def test_what_is_said_of_a_stack_is_what_the_ledger_and_the_stack_know(
    of: Live, stack: StackSeen | None, standing: Standing, words: str
) -> None:
    assert standing_of(of, stack) == (standing, words)


def test_no_release_is_read_that_is_older_than_the_one_that_runs() -> None:
    history = iter([OPEN, ROLLED_BACK, RUNNING, release(outcome(), number=6)])
    found = live_of(STACK, history)
    assert (found.running, found.later, found.open) == (RUNNING, (OPEN, ROLLED_BACK), OPEN)
    assert next(history).intent.number == 6


@pytest.mark.parametrize(
    ("stacks", "words"),
    [
        ([], "the ledger has no release without an outcome"),
        (
            [live(RUNNING), live(ROLLED_BACK, RUNNING)],
            "the ledger has no release without an outcome",
        ),
        ([live(RUNNING), live(OPEN, RUNNING)], f"{STACK}: {OPEN_SINCE}"),
        ([live(OPEN), live(OPEN)], f"{STACK}: {OPEN_SINCE}; {STACK}: {OPEN_SINCE}"),
    ],
)
def test_open_releases_are_named_by_their_stacks(stacks: list[Live], words: str) -> None:
    assert open_words(stacks) == words
