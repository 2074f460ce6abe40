from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.github.conftest import Protect
from tests.sandbox.github.support import Place, git, refusal


def approve(place: Place, login: str = "reviewer", number: int = 1) -> None:
    place.repo(login).get_pull(number).create_review(event="APPROVE")


def why_not(place: Place, login: str = "author", **more: Any) -> str:
    error = refusal(lambda: place.repo(login).get_pull(1).merge(**more))
    assert error.status == 405
    message: str = error.data["message"]
    return message


def test_protection_is_read_back_as_it_was_set(place: Place, protect: Protect) -> None:
    protect(
        strict=True,
        contexts=["ci/build", "ci/test"],
        enforce_admins=True,
        dismiss_stale_reviews=True,
        required_approving_review_count=2,
        user_push_restrictions=["releaser"],
        required_linear_history=True,
    )

    branch = place.repo("releaser").get_branch("main")
    protection = branch.get_protection()

    assert branch.protected
    checks, reviews = protection.required_status_checks, protection.required_pull_request_reviews
    assert (checks.strict, checks.contexts) == (True, ["ci/build", "ci/test"])
    assert (reviews.dismiss_stale_reviews, reviews.required_approving_review_count) == (True, 2)
    assert protection.enforce_admins
    assert protection.required_linear_history
    users = protection.raw_data["restrictions"]["users"]
    assert [user["login"] for user in users] == ["releaser"]


def test_a_branch_without_protection_says_so(place: Place, protect: Protect) -> None:
    branch = place.repo("releaser").get_branch("main")
    assert refusal(branch.get_protection).data["message"] == "Branch not protected"
    protect()
    branch.remove_protection()
    assert not place.repo().get_branch("main").protected


def test_only_an_administrator_protects(place: Place) -> None:
    error = refusal(lambda: place.repo("author").get_branch("main").edit_protection(strict=True))
    assert error.status == 403


def test_a_review_is_required_and_not_the_authors_own(place: Place, protect: Protect) -> None:
    protect(required_approving_review_count=1)
    pull = place.pull("feature", {"a.txt": "a\n"})
    assert pull.mergeable_state == "blocked"
    assert why_not(place) == (
        "At least 1 approving review is required by reviewers with write access."
    )
    own = refusal(lambda: pull.create_review(event="APPROVE"))
    assert own.data["errors"] == ["Can not approve your own pull request"]

    approve(place)

    pull.update()
    assert pull.mergeable_state == "clean"
    assert pull.merge().merged


def test_the_approval_of_somebody_without_write_access_does_not_count(
    place: Place, protect: Protect
) -> None:
    place.stand_in.control("POST", "/users", login=f"guest-{place.name[-3:]}x", role="read")
    guest = place.stand_in.token(f"guest-{place.name[-3:]}x")
    protect(required_approving_review_count=1)
    place.pull("feature", {"a.txt": "a\n"})
    with place.stand_in.http(guest) as http:
        answer = http.post(f"/repos/{place.name}/pulls/1/reviews", json={"event": "APPROVE"})
    assert answer.json()["state"] == "APPROVED"
    assert "approving review" in why_not(place)


def test_requested_changes_block_until_they_are_approved(place: Place, protect: Protect) -> None:
    protect(required_approving_review_count=1)
    pull = place.pull("feature", {"a.txt": "a\n"})
    place.repo("reviewer").get_pull(1).create_review(event="REQUEST_CHANGES", body="Please")
    approve(place, "bot")
    assert why_not(place) == "1 review requesting changes by reviewers with write access."
    approve(place)
    assert pull.merge().merged


def test_a_new_push_dismisses_approvals_where_that_is_set(place: Place, protect: Protect) -> None:
    protect(required_approving_review_count=1, dismiss_stale_reviews=True)
    pull = place.pull("feature", {"a.txt": "a\n"})
    approve(place)
    git(place.tree, "checkout", "--quiet", "feature")
    place.commit({"b.txt": "b\n"})
    place.push("feature")
    assert [review.state for review in pull.get_reviews()] == ["DISMISSED"]
    assert "approving review" in why_not(place)


def test_the_last_pusher_needs_the_approval_of_somebody_else(
    place: Place, protect: Protect
) -> None:
    protect(required_approving_review_count=1, require_last_push_approval=True)
    place.pull("feature", {"a.txt": "a\n"})
    git(place.tree, "checkout", "--quiet", "feature")
    place.commit({"b.txt": "b\n"})
    place.push("feature", login="reviewer")
    approve(place)
    assert "other than the last pusher" in why_not(place)
    approve(place, "bot")
    assert place.repo().get_pull(1).merge().merged


@pytest.mark.parametrize(
    ("state", "word"), [(None, "expected"), ("pending", "pending"), ("failure", "failing")]
)
def test_a_required_status_check_must_be_good(
    place: Place, protect: Protect, state: str | None, word: str
) -> None:
    protect(strict=False, contexts=["ci"])
    pull = place.pull("feature", {"a.txt": "a\n"})
    commit = place.repo().get_commit(pull.head.sha)
    if state:
        commit.create_status(state, context="ci")
    assert why_not(place) == f'Required status check "ci" is {word}.'
    commit.create_status("success", context="ci")
    assert pull.merge().merged


def test_several_missing_checks_are_counted(place: Place, protect: Protect) -> None:
    protect(strict=False, contexts=["a", "b", "c"])
    pull = place.pull("feature", {"a.txt": "a\n"})
    assert why_not(place) == "3 of 3 required status checks are expected."
    commit = place.repo().get_commit(pull.head.sha)
    commit.create_status("failure", context="a")
    commit.create_status("success", context="b")
    assert why_not(place) == (
        "2 of 3 required status checks have not succeeded: 1 expected, 1 failing."
    )


def test_checks_behind_the_base_do_not_count_where_it_must_be_up_to_date(
    place: Place, protect: Protect
) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    place.commit({"c.txt": "c\n"})
    place.push("main", login="releaser")
    protect(strict=True, contexts=["ci"])
    place.repo().get_commit(pull.head.sha).create_status("success", context="ci")
    pull.update()
    assert pull.mergeable_state == "behind"
    assert why_not(place) == 'Required status check "ci" is expected.'
    pull.update_branch()
    pull.update()
    place.repo().get_commit(pull.head.sha).create_status("success", context="ci")
    assert pull.merge().merged


def test_a_bad_status_that_is_not_required_makes_it_unstable_only(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    place.repo().get_commit(pull.head.sha).create_status("error", context="lint")
    pull.update()
    assert pull.mergeable_state == "unstable"
    assert pull.merge().merged


def test_an_administrator_overrides_unless_administrators_are_included(
    place: Place, protect: Protect
) -> None:
    protect(required_approving_review_count=1, enforce_admins=True)
    place.pull("feature", {"a.txt": "a\n"})
    assert "approving review" in why_not(place, "releaser")
    protect(required_approving_review_count=1, enforce_admins=False)
    assert place.repo("releaser").get_pull(1).merge().merged


def test_who_may_not_push_may_not_merge(place: Place, protect: Protect) -> None:
    protect(user_push_restrictions=["reviewer"])
    place.pull("feature", {"a.txt": "a\n"})
    assert why_not(place).startswith("You're not authorized to push to this branch.")
    assert place.repo("reviewer").get_pull(1).merge().merged


def test_a_linear_history_takes_no_merge_commit(place: Place, protect: Protect) -> None:
    protect(required_linear_history=True)
    pull = place.pull("feature", {"a.txt": "a\n"})
    assert why_not(place) == "Merge commits are not allowed on this branch."
    assert pull.merge(merge_method="squash").merged
