"""What people said of a pull request is read as GitHub has it now."""

from __future__ import annotations

import pytest
from github import GithubException

from tests.sandbox.github.support import Place
from tests.tasks import github_fixtures
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.tasks.github.reviews import read_reviews

seen = github_fixtures.seen
stand_in = github_fixtures.stand_in
place = github_fixtures.place
pull = github_fixtures.pull
DIGEST = "ab" * 32


def test_a_review_is_read_with_its_account_and_its_commit(place: Place, pull: PullRequest) -> None:
    theirs = place.repo("reviewer").get_pull(pull.number)
    made = theirs.create_review(event="APPROVE", body=DIGEST)
    (review,) = read_reviews.fn(place.name, pull.number)
    assert (review.number, review.user, review.user_type) == (made.id, made.user.id, "User")
    assert (review.state, review.body, review.commit) == ("APPROVED", DIGEST, pull.head_commit)
    assert review.submitted_at == review.updated_at == made.submitted_at


def test_a_review_that_is_pending_is_none(place: Place, pull: PullRequest) -> None:
    place.repo("bot").get_pull(pull.number).create_review(body=DIGEST)
    assert not read_reviews.fn(place.name, pull.number)


def test_a_review_whose_text_was_changed_says_so(place: Place, pull: PullRequest) -> None:
    made = place.repo("reviewer").get_pull(pull.number).create_review(event="APPROVE", body="fine")
    place.stand_in.control("PATCH", "/settings", advance_seconds=60)
    place.repo("releaser").get_pull(pull.number).get_review(made.id).edit(DIGEST)
    (review,) = read_reviews.fn(place.name, pull.number)
    assert review.body == DIGEST
    assert review.updated_at
    assert review.updated_at > review.submitted_at


def test_a_review_that_was_dismissed_says_so(place: Place, pull: PullRequest) -> None:
    made = place.repo("reviewer").get_pull(pull.number).create_review(event="APPROVE", body=DIGEST)
    place.repo("releaser").get_pull(pull.number).get_review(made.id).dismiss("not looked at")
    (review,) = read_reviews.fn(place.name, pull.number)
    assert review.state == "DISMISSED"


def test_a_pull_request_that_was_merged_can_be_approved_and_one_that_was_closed_cannot(
    place: Place, pull: PullRequest
) -> None:
    place.repo("releaser").get_pull(pull.number).merge()
    place.repo("reviewer").get_pull(pull.number).create_review(event="APPROVE", body=DIGEST)
    (review,) = read_reviews.fn(place.name, pull.number)
    assert review.state == "APPROVED"
    closed = place.pull("other", {"b.txt": "b\n"})
    place.repo("releaser").get_pull(closed.number).edit(state="closed")
    with pytest.raises(GithubException) as refused:
        place.repo("reviewer").get_pull(closed.number).create_review(event="APPROVE", body=DIGEST)
    assert refused.value.status == 422
