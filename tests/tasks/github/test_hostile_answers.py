"""Whatever a stranger writes into a pull request, it is read and printed harmlessly."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from tests.sandbox.github.support import Place
from tests.tasks import github_fixtures
from tests.tasks.github_fixtures import Scripted, failure
from tiercel.cli.terminal.output import error_panel
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.topology import Topology
from tiercel.domain.pages.pull_request.comment import comment
from tiercel.domain.review.statuses import conflict_status, refused_status
from tiercel.domain.review.verdicts import Reviewed
from tiercel.tasks.github.pull_requests import (
    find_open_pull_request,
    open_pull_request,
    pulls_of_commit,
    read_pull_request,
)

seen = github_fixtures.seen
stand_in = github_fixtures.stand_in
place = github_fixtures.place
scripted = github_fixtures.scripted

SHA = "1" * 40
TITLE = "<img src=x onerror=alert(1)>\r\n# **bold** [x](https://evil.example) \u202egpj.exe\x1b[2J"
BRANCH = "feature/\u202egnp-<b>-$(id)-`x`-@acme"


def answer(**more: Any) -> dict[str, Any]:
    """A pull request as GitHub tells of one."""
    side = {
        "ref": "main",
        "sha": SHA,
        "repo": {"full_name": "acme/shop"},
        "user": {"id": 8, "login": "a"},
    }
    return {
        "number": 7,
        "title": "Do it",
        "state": "open",
        "html_url": "http://localhost/acme/shop/pull/7",
        "user": {"id": 7, "login": "ada"},
        "labels": [],
        "merged_at": None,
        "mergeable": True,
        "merge_commit_sha": SHA,
        "head": side | {"ref": "feature/x"},
        "base": side | {"ref": "develop"},
    } | more


def read(scripted: Scripted, **more: Any) -> PullRequest:
    scripted.says(200, answer(**more))
    return read_pull_request.fn("acme/shop", 7)


def test_a_head_whose_repository_is_gone_is_read(scripted: Scripted) -> None:
    """https://docs.github.com/rest/pulls/pulls: the head's repository and user may be null."""
    gone = {"ref": "feature/x", "sha": SHA, "label": "unknown repository"}
    pull = read(scripted, head=gone | {"repo": None, "user": None})
    assert (pull.head_branch, pull.head_commit, pull.from_fork) == ("feature/x", SHA, True)


def test_a_forks_branch_is_not_taken_for_our_own_of_that_name(scripted: Scripted) -> None:
    side = {
        "ref": "main",
        "sha": SHA,
        "repo": {"full_name": "eve/shop"},
        "user": {"id": 9, "login": "eve"},
    }
    assert read(scripted, head=side).from_fork
    assert not read(scripted).from_fork
    scripted.says(200, [answer(head=side)])
    assert find_open_pull_request.fn("acme/shop", "main", "develop") is None


def test_a_pull_request_without_branches_is_refused(scripted: Scripted) -> None:
    error = failure(lambda: read(scripted, head=None))
    assert isinstance(error, RefusedInputError)
    assert error.code == "github.branches_unknown"
    assert error.where == "acme/shop"


def test_a_deleted_author_is_a_ghost(scripted: Scripted) -> None:
    assert read(scripted, user=None).author == "ghost"


@pytest.mark.parametrize("field", ["title", "merge_commit_sha", "mergeable"])
def test_what_github_does_not_know_yet_is_empty(scripted: Scripted, field: str) -> None:
    pull = read(scripted, **{field: None})
    assert (pull.title, pull.merge_commit, pull.mergeable) == (
        "" if field == "title" else "Do it",
        "" if field == "merge_commit_sha" else SHA,
        None if field == "mergeable" else True,
    )


def test_a_merged_pull_request_is_merged_in_a_list_too(scripted: Scripted) -> None:
    merged = answer(state="closed", merged_at="2026-01-01T00:00:00Z")
    del merged["mergeable"]
    scripted.says(200, [merged])
    (pull,) = pulls_of_commit.fn("acme/shop", SHA)
    assert (pull.merged, pull.is_open) == (True, False)


def test_hostile_names_travel_through_real_requests(place: Place) -> None:
    made = place.pull(BRANCH, {"a.txt": "a\n"}, title=TITLE)
    pull = read_pull_request.fn(place.name, made.number)
    assert (pull.head_branch, pull.title) == (BRANCH, made.title)
    found = open_pull_request.fn(place.name, BRANCH, "main", TITLE, "body")
    assert found.number == pull.number


def test_hostile_names_are_printed_harmlessly(scripted: Scripted, topology: Topology) -> None:
    side = {"ref": BRANCH, "sha": SHA, "repo": None, "user": None}
    more = {"title": TITLE, "user": {"id": 7, "login": "\u202e<b>@ada\n"}, "head": side}
    into_main = read(scripted, **more, base=side | {"ref": "main"})
    into_hostile = read(scripted, **more, base=side)
    for check in (refused_status(into_main, SHA, topology), conflict_status(into_hostile)):
        assert check
        assert check.short.isprintable()
        text = comment(check, Reviewed(), SHA)
        assert "\u202e" not in text
        outside = text.split("````")[0]
        assert "<b>" not in outside
        assert "@acme" not in outside


def test_hostile_names_in_a_failure_are_printed_harmlessly(scripted: Scripted) -> None:
    message = {"message": f"No commits between main and {BRANCH}\x1b[2J\n<b>"}
    scripted.says(200, [])
    scripted.says(422, message)
    error = failure(lambda: open_pull_request.fn("acme/shop", BRANCH, "main", TITLE, ""))
    assert error.why.isprintable()
    console = Console(width=200)
    with console.capture() as shown:
        console.print(error_panel(error))
    assert "No commits between main and" in shown.get()
    assert not {"\u202e", "\x1b", "\x07"} & set(shown.get())
