from __future__ import annotations

import pytest

from tests.support.releases import intent, outcome, release
from tiercel.domain.base.errors import DeployFailedError, OvertakenError, SupersededError
from tiercel.domain.release.ledger import Outcome, Purpose, Release, ReleaseStatus
from tiercel.domain.release.superseding import failed_commits, may_be_older, require_still_wanted

FAILED = outcome(status=ReleaseStatus.FAILED, deployed=False, message="the queue is in the way")
UNWELL = outcome(status=ReleaseStatus.FAILED, deployed=True, message="it answers 500")
OLD = "2" * 40


@pytest.mark.parametrize(
    "newest",
    [None, release(), release(outcome()), release(outcome(), number=6), release(number=6)],
    ids=["no entry", "open", "done by another run", "an older one", "an older open one"],
)
def test_a_release_is_carried_out_while_nothing_newer_stands_in_the_ledger(
    newest: Release | None,
) -> None:
    require_still_wanted(newest, intent())


@pytest.mark.parametrize("newer", [release(number=8), release(outcome(), number=9)])
def test_a_later_wish_supersedes_and_is_named(newer: Release) -> None:
    with pytest.raises(SupersededError) as refused:
        require_still_wanted(newer, intent())
    assert f"superseded by release {newer.intent.number}" in refused.value.what
    assert refused.value.state == "nothing was changed by this run"


@pytest.mark.parametrize(
    ("older", "newer", "asks_again"),
    [
        ("deploy", "candidate", True),
        ("deploy", "restoration", True),
        ("rollback", "candidate", True),
        ("candidate", "deploy", True),
        ("candidate", "candidate", True),
        ("deploy", "rollback", False),
        ("restoration", "deploy", False),
        ("restoration", "candidate", False),
    ],
)
def test_a_candidate_takes_the_place_of_nothing_and_nothing_that_of_a_candidate(
    older: str, newer: str, *, asks_again: bool
) -> None:
    with pytest.raises(SupersededError) as refused:
        require_still_wanted(
            release(number=8, purpose=Purpose(newer)), intent(purpose=Purpose(older))
        )
    assert isinstance(refused.value, OvertakenError) is asks_again


@pytest.mark.parametrize("ended", [FAILED, UNWELL])
def test_the_failure_of_another_run_of_the_same_release_is_told(ended: Outcome) -> None:
    with pytest.raises(DeployFailedError) as failed:
        require_still_wanted(Release(intent=intent(), outcome=ended), intent())
    assert "another run has carried out release 7" in str(failed.value)


@pytest.mark.parametrize(
    ("latest", "asked"),
    [
        (None, False),
        (release(outcome()), False),
        (release(outcome(), commit=OLD), True),
        (release(commit=OLD), True),
        (Release(intent=intent(commit=OLD), outcome=FAILED), False),
        (release(outcome(), commit=OLD, repository="acme/other"), False),
    ],
    ids=["no entry", "the same commit", "live", "open", "failed", "another repository"],
)
def test_git_is_asked_about_age_only_where_it_matters(
    latest: Release | None, *, asked: bool
) -> None:
    assert may_be_older(latest, intent()) is asked


def test_a_commit_failed_if_its_newest_release_did() -> None:
    history = [
        Release(intent=intent(number=7, commit="a", purpose=Purpose.CANDIDATE), outcome=FAILED),
        Release(intent=intent(number=6, commit="a", purpose=Purpose.RESTORATION), outcome=FAILED),
        release(outcome(), number=5, commit="c", purpose=Purpose.ROLLBACK),
        Release(intent=intent(number=4, commit="c"), outcome=FAILED),
        release(outcome(), number=3, commit="b"),
        Release(intent=intent(number=2, commit="b"), outcome=UNWELL),
        release(outcome(), number=1, commit="a"),
    ]
    assert failed_commits(history) == {"c"}
