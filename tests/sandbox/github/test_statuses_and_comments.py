from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.github.support import Place, refusal
from tiercel.sandbox.github.memory.activities import StatusRecord
from tiercel.sandbox.github.memory.store import Store


def test_the_latest_status_of_each_context_counts(place: Place) -> None:
    repo = place.repo()
    commit = repo.get_commit(repo.get_branch("main").commit.sha)
    assert commit.get_combined_status().state == "pending"

    commit.create_status("pending", context="build", description="Building")
    commit.create_status("success", context="test", target_url="http://localhost/1")
    assert commit.get_combined_status().state == "pending"
    commit.create_status("success", context="build")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count, combined.sha) == ("success", 2, commit.sha)
    commit.create_status("error", context="test")
    assert commit.get_combined_status().state == "failure"
    listed = [(status.context, status.state) for status in commit.get_statuses()]
    assert listed == [
        ("test", "error"),
        ("build", "success"),
        ("test", "success"),
        ("build", "pending"),
    ]
    assert next(status.creator.login for status in commit.get_statuses()) == "author"


def test_statuses_are_found_by_branch_name(place: Place) -> None:
    repo = place.repo()
    repo.get_branch("main").commit.create_status("success", context="ci")
    assert repo.get_commit("main").get_combined_status().state == "success"
    assert repo.get_commit("main").get_check_runs().totalCount == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"state": "good"}, "state"),
        ({"state": "success", "description": "x" * 141}, "description"),
        ({"state": "success", "context": "x" * 256}, "context"),
        ({"state": "success", "target_url": "ftp://localhost"}, "target_url"),
        ({"state": "success", "description": 3}, "description"),
        ({}, "state"),
    ],
)
def test_a_wrong_status_is_refused_with_its_field(
    place: Place, wrong: dict[str, object], field: str
) -> None:
    sha = place.bare("rev-parse", "main").strip()
    with place.stand_in.http(place.stand_in.running.token("author")) as http:
        answer = http.post(f"/repos/{place.name}/statuses/{sha}", json=wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_status_of_no_commit_is_refused(place: Place) -> None:
    with place.stand_in.http(place.stand_in.running.token("author")) as http:
        url = f"/repos/{place.name}/statuses/{'1' * 40}"
        answer = http.post(url, json={"state": "success"})
    assert answer.status_code == 422
    assert answer.json()["message"] == f"No commit found for SHA: {'1' * 40}"


def test_a_context_takes_a_thousand_statuses_and_no_more(place: Place) -> None:
    sha = place.bare("rev-parse", "main").strip()
    url = f"/repos/{place.name}/statuses/{sha}"
    with place.stand_in.http(place.stand_in.running.token("author")) as http:
        made = http.post(url, json={"state": "success", "context": "ci"}).json()
        multiply(place, made["id"], 998)
        last = http.post(url, json={"state": "success", "context": "ci"})
        assert last.status_code == 201
        full = http.post(url, json={"state": "success", "context": "ci"})
        other = http.post(url, json={"state": "success", "context": "other"})
    assert (full.status_code, other.status_code) == (422, 201)
    assert "maximum number of statuses" in full.json()["errors"][0]["message"]


def multiply(place: Place, identifier: int, count: int) -> None:
    """Write copies of a status into the stand-in's memory, faster than calls would."""
    store = Store(place.stand_in.folder / "state.sqlite")
    with store.transaction():
        status = store.get(StatusRecord, identifier)
        assert status is not None
        for _ in range(count):
            store.put(status.model_copy(update={"id": store.next_id()}))
    store.close()


def test_a_comment_is_written_changed_found_and_removed(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    comment = pull.create_issue_comment("<!-- tiercel --> first")
    other = place.repo("reviewer").get_pull(1).create_issue_comment("second")

    comment.edit("<!-- tiercel --> changed")

    bodies = [(found.user.login, found.body) for found in pull.get_issue_comments()]
    assert bodies == [("author", "<!-- tiercel --> changed"), ("reviewer", "second")]
    assert pull.get_issue_comment(comment.id).body == "<!-- tiercel --> changed"
    error = refusal(place.repo("author").get_pull(1).get_issue_comment(other.id).delete)
    assert error.status == 403
    comment.delete()
    assert [found.id for found in pull.get_issue_comments()] == [other.id]
    assert [found.id for found in place.repo().get_issues_comments()] == [other.id]
    assert pull.update()
    assert pull.comments == 1


def test_comments_since_a_moment_are_found(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    pull.create_issue_comment("text")
    now = datetime.now(UTC)
    issue = pull.as_issue()
    assert len(list(issue.get_comments(since=now - timedelta(hours=1)))) == 1
    assert not list(issue.get_comments(since=now + timedelta(days=30)))


@pytest.mark.parametrize("text", ["", "   ", "x" * 65537])
def test_an_empty_or_endless_comment_is_refused(place: Place, text: str) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    assert refusal(lambda: pull.create_issue_comment(text)).status == 422


def test_labels_are_made_given_and_taken(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    label = place.repo().create_label("needs work", "ff0000", "Please")
    assert (label.name, label.color, label.description) == ("needs work", "ff0000", "Please")
    pull.add_to_labels("needs work", "new")
    assert [label.name for label in pull.get_labels()] == ["needs work", "new"]
    pull.remove_from_labels("needs work")
    pull.set_labels("hotfix")
    assert pull.update()
    assert [label.name for label in pull.labels] == ["hotfix"]
    assert refusal(lambda: pull.remove_from_labels("absent")).status == 404
    assert refusal(lambda: place.repo().create_label("HOTFIX", "ff0000")).status == 422
    names = {label.name for label in place.repo().get_labels()}
    assert names == {"needs work", "new", "hotfix"}


def test_reviews_are_listed_and_dismissed(place: Place) -> None:
    pull = place.pull("feature", {"a.txt": "a\n"})
    theirs = place.repo("reviewer").get_pull(1)
    pending = theirs.create_review(body="Wait")
    assert pending.state == "PENDING"
    assert list(pull.get_reviews()) == []
    assert [review.id for review in theirs.get_reviews()] == [pending.id]
    approval = theirs.create_review(event="APPROVE", body="Good")
    assert [review.state for review in pull.get_reviews()] == ["APPROVED"]
    pull.get_review(approval.id).dismiss("Not any more")
    assert [review.state for review in pull.get_reviews()] == ["DISMISSED"]
    assert refusal(lambda: theirs.create_review(event="REQUEST_CHANGES")).status == 422
