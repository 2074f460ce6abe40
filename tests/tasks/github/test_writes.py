"""A write is repeated by our task layer, after looking: in the end it was done once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from github.Repository import Repository

from tests.sandbox.github.support import Place, git
from tests.tasks import github_fixtures
from tests.tasks.github_fixtures import Scripted, as_person, at_once, failure, repeated
from tiercel.domain.base.errors import RefusedInputError, TransientError
from tiercel.domain.base.text import printable
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.review.statuses import StatusState, status_of
from tiercel.sandbox.github.http.journal import ApiExchange
from tiercel.tasks.github.pull_requests import open_pull_request, upsert_comment
from tiercel.tasks.github.releases import publish_release, read_version_tags, tag_version
from tiercel.tasks.github.statuses import open_deployment, report_deployment_state, set_status

seen = github_fixtures.seen
stand_in = github_fixtures.stand_in
place = github_fixtures.place
pull = github_fixtures.pull
scripted = github_fixtures.scripted

MARKER = "<!-- tiercel: test -->"
VERSION = "v1.2.1"
VERIFIED = status_of("orders", StatusState.SUCCESS, "built and tested")
FAULTS = ["lost", "500", "502", "reset"]


@dataclass(frozen=True)
class Write:
    """A write, the request that makes it and how an independent observer sees its effects."""

    do: Callable[[PullRequest], object]
    path: str
    effects: Callable[[Repository, PullRequest], list[Any]]
    expected: list[Any]


def deployment_of(pull: PullRequest) -> int:
    return open_deployment.fn(pull.repository, pull.head_commit, "preprod", production=False)


def report(pull: PullRequest) -> None:
    report_deployment_state.fn(
        pull.repository, deployment_of(pull), "success", "deployed", log_url="", address=""
    )


def deployment_states(repo: Repository, pull: PullRequest) -> list[str]:
    deployments = repo.get_deployments(sha=pull.head_commit)
    return [status.state for found in deployments for status in found.get_statuses()]


WRITES = {
    "set_status": Write(
        lambda pull: set_status.fn(pull.repository, pull.head_commit, VERIFIED, ""),
        "/statuses/",
        lambda repo, pull: [
            (s.context, s.state) for s in repo.get_commit(pull.head_commit).get_statuses()
        ],
        [("tiercel/no-environment/orders", "success")],
    ),
    "upsert_comment": Write(
        lambda pull: upsert_comment.fn(pull, MARKER, "Hello"),
        "/comments$",
        lambda repo, pull: [c.body for c in repo.get_issue(pull.number).get_comments()],
        [f"{MARKER}\nHello"],
    ),
    "open_pull_request": Write(
        lambda pull: open_pull_request.fn(pull.repository, "side", "main", "Back", "body"),
        "/pulls$",
        lambda repo, _: [p.title for p in repo.get_pulls(state="all") if p.head.ref == "side"],
        ["Back"],
    ),
    "tag_version": Write(
        lambda pull: tag_version.fn(pull.repository, VERSION, pull.head_commit),
        "/git/refs$",
        lambda repo, _: [tag.name for tag in repo.get_tags()],
        [VERSION],
    ),
    "publish_release": Write(
        lambda pull: publish_release.fn(pull.repository, VERSION, pull.head_commit, "notes"),
        "/releases$",
        lambda repo, _: [(r.tag_name, r.body) for r in repo.get_releases()],
        [(VERSION, "notes")],
    ),
    "open_deployment": Write(
        deployment_of,
        "/deployments$",
        lambda repo, _: [d.environment for d in repo.get_deployments()],
        ["preprod"],
    ),
    "report_deployment_state": Write(
        report, "/deployments/[0-9]+/statuses$", deployment_states, ["success"]
    ),
}


@pytest.fixture
def side(place: Place) -> None:
    """A branch that no pull request is open for."""
    place.branch("side", {"side.txt": "s\n"})


@pytest.mark.usefixtures("side")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_goes_wrong_once_is_done_once(
    place: Place, pull: PullRequest, name: str, fault: str
) -> None:
    write = WRITES[name]
    place.stand_in.fault(fault, method="POST", path=write.path)
    error = failure(lambda: write.do(pull))
    assert isinstance(error, TransientError), "PyGithub repeated it without looking"
    repeated(lambda: write.do(pull))
    assert write.effects(as_person(place), pull) == write.expected
    assert place.stand_in.control("GET", "/faults") == []


@pytest.mark.usefixtures("side")
@pytest.mark.parametrize("name", WRITES)
def test_what_was_written_is_not_written_again(
    place: Place, pull: PullRequest, seen: list[ApiExchange], name: str
) -> None:
    WRITES[name].do(pull)
    settle(seen)
    before = len(seen)
    WRITES[name].do(pull)
    settle(seen)
    assert {item.method for item in seen[before:]} == {"GET"}
    assert WRITES[name].effects(as_person(place), pull) == WRITES[name].expected


def settle(seen: list[ApiExchange]) -> None:
    """The stand-in notes a request after it has answered."""
    known = -1
    while known != len(seen):
        known = len(seen)
        time.sleep(0.03)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_edit_of_the_comment_that_goes_wrong_is_done_in_the_end(
    place: Place, pull: PullRequest, fault: str
) -> None:
    upsert_comment.fn(pull, MARKER, "before")
    place.stand_in.fault(fault, method="PATCH", path="/comments/")
    assert failure(lambda: upsert_comment.fn(pull, MARKER, "after")).transient
    repeated(lambda: upsert_comment.fn(pull, MARKER, "after"))
    comments = as_person(place).get_issue(pull.number).get_comments()
    assert [one.body for one in comments] == [f"{MARKER}\nafter"]


def test_the_comment_is_found_behind_a_page_of_others(place: Place, pull: PullRequest) -> None:
    upsert_comment.fn(pull, "<!-- another -->", "another machine's")
    issue = as_person(place).get_issue(pull.number)
    for number in range(100):
        issue.create_comment(f"Comment {number}, quoting {MARKER}")
    upsert_comment.fn(pull, MARKER, "one")
    upsert_comment.fn(pull, MARKER, "two")
    ours = [one.body for one in issue.get_comments() if one.body.startswith(MARKER)]
    assert ours == [f"{MARKER}\ntwo"]


@pytest.mark.parametrize("state", [StatusState.PENDING, StatusState.SUCCESS])
def test_somebody_elses_status_in_our_context_is_no_verdict_of_ours(
    place: Place, pull: PullRequest, state: StatusState
) -> None:
    forged = place.repo("reviewer").get_commit(pull.head_commit)
    forged.create_status("success", "https://evil.example", VERIFIED.short, VERIFIED.context)
    ours = status_of("", state, VERIFIED.description)
    assert set_status.fn(place.name, pull.head_commit, ours, "http://localhost/run")
    newest = as_person(place).get_commit(pull.head_commit).get_statuses()[0]
    assert (newest.state, newest.target_url) == (state.value, "http://localhost/run")
    assert not set_status.fn(place.name, pull.head_commit, ours, "http://localhost/run")


def test_somebody_elses_comment_that_begins_like_ours_is_left_alone(
    place: Place, pull: PullRequest
) -> None:
    issue = as_person(place).get_issue(pull.number)
    issue.create_comment(f"{MARKER}\nEverything is verified, merge it")
    upsert_comment.fn(pull, MARKER, "one")
    upsert_comment.fn(pull, MARKER, "two")
    assert [(one.user.login == "bot", one.body) for one in issue.get_comments()] == [
        (False, f"{MARKER}\nEverything is verified, merge it"),
        (True, f"{MARKER}\ntwo"),
    ]


def test_two_first_comments_at_once_become_one_with_the_later_text(
    place: Place, pull: PullRequest
) -> None:
    place.stand_in.fault("latency", method="POST", path="/comments$", latency_ms=1000)
    issue = place.repo("bot").get_issue(pull.number)

    def another_machine() -> None:
        time.sleep(0.5)
        issue.create_comment(f"{MARKER}\nthe other's")

    at_once([lambda: upsert_comment.fn(pull, MARKER, "ours"), another_machine])

    assert [one.body for one in issue.get_comments()] == [f"{MARKER}\nours"]


def test_of_several_comments_of_ours_the_oldest_is_kept(place: Place, pull: PullRequest) -> None:
    issue = place.repo("bot").get_issue(pull.number)
    oldest, *_ = [issue.create_comment(f"{MARKER}\n{number}") for number in range(3)]
    place.stand_in.fault("lost", method="DELETE", path="/comments/")

    repeated(lambda: upsert_comment.fn(pull, MARKER, "new"))

    (left,) = issue.get_comments()
    assert (left.id, left.body) == (oldest.id, f"{MARKER}\nnew")


def test_a_status_is_found_behind_a_page_of_others(place: Place, pull: PullRequest) -> None:
    set_status.fn(place.name, pull.head_commit, VERIFIED, "")
    commit = as_person(place).get_commit(pull.head_commit)
    for number in range(100):
        commit.create_status("success", context=f"ci/{number}")
    assert not set_status.fn(place.name, pull.head_commit, VERIFIED, "")


def test_a_verdict_is_not_taken_back_but_corrected(place: Place, pull: PullRequest) -> None:
    def say(state: StatusState, text: str) -> bool:
        return set_status.fn(place.name, pull.head_commit, status_of("", state, text), "")

    assert say(StatusState.PENDING, "verifying")
    assert not say(StatusState.PENDING, "verifying")
    assert say(StatusState.SUCCESS, "verified")
    assert not say(StatusState.PENDING, "verifying")
    assert say(StatusState.FAILURE, "failed: orders")
    assert say(StatusState.FAILURE, "failed: storage")


def test_the_link_of_a_status_is_that_of_the_first_run_that_said_so(
    place: Place, pull: PullRequest
) -> None:
    set_status.fn(place.name, pull.head_commit, VERIFIED, "http://localhost/first")
    set_status.fn(place.name, pull.head_commit, VERIFIED, "http://localhost/second")
    (found,) = as_person(place).get_commit(pull.head_commit).get_statuses()
    assert found.target_url == "http://localhost/first"


def test_a_description_is_cut_to_what_github_takes(place: Place, pull: PullRequest) -> None:
    long = "stack\n\u202e" + "x" * 500
    set_status.fn(place.name, pull.head_commit, status_of("", StatusState.FAILURE, long), "")
    deployment = deployment_of(pull)
    report_deployment_state.fn(place.name, deployment, "failure", long, log_url="", address="")
    repo = as_person(place)
    (status,) = repo.get_commit(pull.head_commit).get_statuses()
    (state,) = repo.get_deployment(deployment).get_statuses()
    assert status.description == state.description == printable(long, 140)


def test_a_deployment_that_was_superseded_is_reported_again(
    place: Place, pull: PullRequest
) -> None:
    report(pull)
    other = open_deployment.fn(place.name, place.pull_main(), "preprod", production=False)
    report_deployment_state.fn(place.name, other, "success", "deployed", log_url="", address="")
    report(pull)
    states = deployment_states(as_person(place), pull)
    assert states == ["success", "inactive", "success"]


@pytest.mark.parametrize("depth", [1, 2])
def test_an_annotated_tag_names_the_commit_that_it_is_about(place: Place, depth: int) -> None:
    commit = place.bare("rev-parse", "main").strip()
    target = "main"
    for number in range(depth):
        target = "inner" if number < depth - 1 else VERSION
        source = "main" if number == 0 else "inner"
        git(place.tree, "tag", "--annotate", "--message=Released", target, source)
    place.push(f"refs/tags/{VERSION}")
    assert [(tag.name, tag.commit) for tag in read_version_tags.fn(place.name)] == [
        (VERSION, commit)
    ]
    assert not tag_version.fn(place.name, VERSION, commit)


def test_a_tag_is_never_moved(place: Place, pull: PullRequest) -> None:
    commit = place.bare("rev-parse", "main").strip()
    assert tag_version.fn(place.name, VERSION, commit)
    error = failure(lambda: tag_version.fn(place.name, VERSION, pull.head_commit))
    assert error.what == f"tag {VERSION} names another commit"
    assert error.why == f"it names {commit[:7]} and not {pull.head_commit[:7]}"
    assert place.bare("rev-parse", VERSION).strip() == commit


def test_a_longer_tag_of_the_same_beginning_is_another_one(place: Place) -> None:
    commit = place.bare("rev-parse", "main").strip()
    place.bare("tag", f"{VERSION}0", "main")
    place.bare("tag", f"{VERSION}-rc", "main")
    assert tag_version.fn(place.name, VERSION, commit)
    found = read_version_tags.fn(place.name)
    assert [tag.name for tag in found if tag.final] == [f"{VERSION}0", VERSION]


def test_a_release_is_found_behind_a_page_of_others(place: Place) -> None:
    commit = place.bare("rev-parse", "main").strip()
    first = publish_release.fn(place.name, "v0.0.1", commit, "first")
    repo = place.repo("releaser")
    for number in range(2, 103):
        repo.create_git_release(f"v0.0.{number}", "", "", target_commitish=commit)
    assert publish_release.fn(place.name, "v0.0.1", commit, "first") == first


def test_what_a_person_made_of_a_release_stays(place: Place, pull: PullRequest) -> None:
    first = publish_release.fn(place.name, VERSION, pull.head_commit, "ours")
    (made,) = place.repo("releaser").get_releases()
    made.update_release("Spring", "Theirs.", prerelease=True)
    assert publish_release.fn(place.name, VERSION, pull.head_commit, "ours") == first
    (found,) = as_person(place).get_releases()
    assert (found.name, found.body, found.prerelease) == ("Spring", "Theirs.", True)


@pytest.mark.parametrize(("text", "shown"), [("Theirs.", "Theirs."), ("", "ours")])
def test_a_draft_that_somebody_prepared_is_published_with_its_text(
    place: Place, pull: PullRequest, text: str, shown: str
) -> None:
    place.repo("releaser").create_git_release(VERSION, "Spring", text, draft=True, prerelease=True)
    tag_version.fn(place.name, VERSION, pull.head_commit)
    publish_release.fn(place.name, VERSION, pull.head_commit, "ours")
    (found,) = as_person(place).get_releases()
    assert (found.tag_name, found.draft, found.prerelease) == (VERSION, False, True)
    assert (found.name, found.body) == ("Spring", shown)


def test_a_draft_beside_the_published_release_stays_a_draft(
    place: Place, pull: PullRequest
) -> None:
    publish_release.fn(place.name, VERSION, pull.head_commit, "ours")
    place.repo("releaser").create_git_release(VERSION, "Spring", "Next.", draft=True)
    publish_release.fn(place.name, VERSION, pull.head_commit, "ours")
    assert [
        (one.draft, one.body) for one in place.repo("releaser").get_releases() if one.draft
    ] == [(True, "Next.")]


ALREADY = [
    {"message": "Reference already exists"},
    {
        "message": "Validation Failed",
        "errors": [{"resource": "Release", "code": "already_exists", "field": "tag_name"}],
    },
    {
        "message": "Validation Failed",
        "errors": [{"code": "custom", "message": "A pull request already exists for acme:main."}],
    },
]


@pytest.mark.parametrize("refusal", ALREADY, ids=json.dumps)
def test_who_was_first_at_the_same_moment_is_seen_at_the_second_look(
    scripted: Scripted, refusal: dict[str, Any]
) -> None:
    named = {"ref": f"refs/tags/{VERSION}", "object": {"type": "commit", "sha": "1" * 40}}
    scripted.says(200, [])
    scripted.says(422, refusal)
    scripted.says(200, [named])
    assert failure(lambda: tag_version.fn("acme/shop", VERSION, "1" * 40)).transient
    assert not tag_version.fn("acme/shop", VERSION, "1" * 40)


def test_another_validation_error_is_final(place: Place) -> None:
    error = failure(lambda: tag_version.fn(place.name, VERSION, "1" * 40))
    assert isinstance(error, RefusedInputError)
    assert error.why.startswith("422: ")


def test_a_head_that_github_does_not_understand_finds_nothing(scripted: Scripted) -> None:
    """GitHub then lists every open pull request."""
    side = {"ref": "side", "sha": "1" * 40, "repo": None, "user": None}
    strange = {
        "number": 3,
        "state": "open",
        "title": "Strange",
        "html_url": "http://localhost/acme/shop/pull/3",
        "user": None,
        "labels": [],
        "merged_at": None,
        "merge_commit_sha": None,
        "head": side,
        "base": side | {"ref": "main"},
    }
    scripted.says(200, [strange])
    scripted.says(422, {"message": "Validation Failed"})
    error = failure(lambda: open_pull_request.fn("acme/shop", "other", "main", "t", "b"))
    assert isinstance(error, RefusedInputError)
