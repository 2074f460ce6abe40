"""Reads are repeated, rate limits are waited for, and what cannot be helped is explained."""

from __future__ import annotations

import socket
import threading
import time
from types import FrameType

import pytest
from github import GithubException
from requests import Session
from urllib3 import HTTPResponse

from tests.sandbox.github.support import Place, eventually
from tests.support.codes import because
from tests.tasks import github_fixtures
from tests.tasks.github_fixtures import Scripted, at_once, failure
from tiercel.domain.base.errors import (
    ExitCode,
    InterruptedRunError,
    RefusedInputError,
    TransientError,
    UnreachableError,
)
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.review.statuses import StatusState, status_of
from tiercel.sandbox.github.http.journal import ApiExchange
from tiercel.tasks.engine.pace import stoppable
from tiercel.tasks.engine.retry_budget import one_try
from tiercel.tasks.github.pull_requests import (
    await_mergeability,
    find_open_pull_request,
    open_pull_request,
    pulls_of_commit,
    read_pull_request,
)
from tiercel.tasks.github.releases import read_version_tags, tag_version
from tiercel.tasks.github.statuses import open_deployment, set_status
from tiercel.tasks.github.transport import client
from tiercel.tasks.github.transport.client import forget_github, token
from tiercel.tasks.github.transport.errors import translated_answer
from tiercel.tasks.github.transport.waiting import PatientRetry

seen = github_fixtures.seen
stand_in = github_fixtures.stand_in
place = github_fixtures.place
pull = github_fixtures.pull
told = github_fixtures.told
scripted = github_fixtures.scripted

SUCCESS = status_of("orders", StatusState.SUCCESS, "built and tested")
LIMITS = ["rate_limit", "secondary_rate_limit", "429"]
IMPATIENT = 5.0


@pytest.mark.parametrize("kind", ["500", "502", "503", "reset", "lost"])
def test_a_read_that_fails_once_is_repeated_at_once_and_nobody_notices(
    place: Place, pull: PullRequest, kind: str
) -> None:
    place.stand_in.fault(kind, method="GET", path="/pulls/")
    started = time.monotonic()
    assert read_pull_request.fn(place.name, pull.number) == pull
    assert time.monotonic() - started < IMPATIENT


@pytest.mark.real_time
@pytest.mark.parametrize("kind", LIMITS)
def test_a_rate_limit_is_waited_for_and_the_log_says_so(
    place: Place, pull: PullRequest, told: list[str], kind: str
) -> None:
    place.stand_in.fault(kind, method="GET", path="/pulls/", seconds=1)
    started = time.monotonic()
    assert read_pull_request.fn(place.name, pull.number) == pull
    assert time.monotonic() - started >= 1
    (line,) = told
    assert line.startswith("GitHub's rate limit is used up: waiting ")
    assert line.endswith(" UTC")


@pytest.mark.real_time
@pytest.mark.parametrize("kind", LIMITS)
def test_a_write_waits_for_a_rate_limit_too_because_nothing_was_done(
    place: Place, pull: PullRequest, told: list[str], kind: str
) -> None:
    place.stand_in.fault(kind, method="POST", path="/statuses/", seconds=1)
    assert set_status.fn(place.name, pull.head_commit, SUCCESS, "")
    assert len(told) == 1
    statuses = place.repo().get_commit(pull.head_commit).get_statuses()
    assert [one.context for one in statuses] == ["tiercel/no-environment/orders"]


@pytest.mark.parametrize("kind", LIMITS)
def test_a_rate_limit_beyond_the_budget_fails_at_once_and_says_until_when(
    place: Place, pull: PullRequest, told: list[str], kind: str
) -> None:
    place.stand_in.fault(kind, path="/pulls/", seconds=3600)
    started = time.monotonic()
    error = failure(lambda: read_pull_request.fn(place.name, pull.number))
    assert time.monotonic() - started < IMPATIENT
    assert isinstance(error, TransientError)
    assert error.what == "cannot read a pull request: GitHub's rate limit is used up"
    until = time.strptime(error.state, "GitHub takes requests again at %Y-%m-%d %H:%M:%S UTC")
    left = time.mktime(until) - time.mktime(time.gmtime())
    assert 3590 < left < 3610
    assert "rate limit" in error.why
    assert error.remedy
    assert told == []


def test_a_limit_that_names_no_end_is_waited_for_a_minute(scripted: Scripted) -> None:
    scripted.says(403, {"message": "You have exceeded a secondary rate limit."})
    with stoppable() as stop:
        stop.set()
        with pytest.raises(InterruptedRunError):
            read_pull_request.fn("acme/shop", 1)
    assert len(scripted.asked) == 1


def test_who_is_cancelled_does_not_wait_for_a_rate_limit(place: Place, pull: PullRequest) -> None:
    place.stand_in.fault("rate_limit", path="/pulls/", seconds=100)
    started = time.monotonic()
    with stoppable() as stop:
        stop.set()
        error = failure(lambda: read_pull_request.fn(place.name, pull.number))
    assert isinstance(error, InterruptedRunError)
    assert time.monotonic() - started < IMPATIENT


def limited(seconds: int) -> HTTPResponse:
    return HTTPResponse(b"{}", {"Retry-After": str(seconds)}, 429)


def test_the_budget_is_that_of_all_waits_for_one_request_together() -> None:
    once = PatientRetry(budget=120).increment("GET", "/", limited(70))
    twice = once.increment("GET", "/", limited(50))
    with pytest.raises(GithubException):
        once.increment("GET", "/", limited(51))
    with pytest.raises(GithubException):
        twice.increment("GET", "/", limited(1))


def test_a_failure_in_between_does_not_fill_the_budget_up_again() -> None:
    used = PatientRetry(budget=120).increment("GET", "/", limited(120))
    later = used.increment("GET", "/", HTTPResponse(b"", {}, 503))
    with pytest.raises(GithubException):
        later.increment("GET", "/", limited(1))


@pytest.mark.parametrize("answer", [502, 429])
def test_what_is_only_told_is_asked_for_once(
    scripted: Scripted, told: list[str], answer: int
) -> None:
    scripted.says(answer, retry_after="1")
    with one_try():
        error = failure(lambda: find_open_pull_request.fn("acme/shop", "main", "develop"))
    assert error.transient
    assert len(scripted.asked) == 1
    assert told == []


def test_what_is_only_told_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_ONE_TRY_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("GITHUB_TOKEN", "ghp_scripted")
        with one_try(), pytest.raises(UnreachableError, check=because("github.too_slow")):
            find_open_pull_request.fn("acme/shop", "main", "develop")


@pytest.mark.parametrize("kind", ["500", "502", "503"])
def test_a_server_that_stays_ill_is_asked_so_often_and_then_quoted(place: Place, kind: str) -> None:
    place.stand_in.fault(kind, path="/pulls/", times=3)
    quick = PatientRetry(total=2, backoff_factor=0)
    repo = place.repo("bot", retry=quick)
    with pytest.raises(TransientError) as caught, translated_answer("look", "here"):
        repo.get_pull(1)
    assert caught.value.what == "cannot look: GitHub is busy or ill"
    assert caught.value.why.startswith(f"{kind}: Ser")
    assert place.stand_in.control("GET", "/faults") == []


def test_a_server_that_does_not_answer_is_asked_so_often_too(
    place: Place,
) -> None:
    place.stand_in.fault("reset", path="/pulls/", times=3)
    repo = place.repo("bot", retry=PatientRetry(total=2, backoff_factor=0))
    with pytest.raises(TransientError) as caught, translated_answer("look", "here"):
        repo.get_pull(1)
    assert caught.value.what == "cannot look: GitHub did not answer"
    assert place.stand_in.control("GET", "/faults") == []


TERMINAL = [
    (401, "Bad credentials", UnreachableError, "cannot read a pull request: GitHub does not take"),
    (403, "Resource not accessible by integration", UnreachableError, "not allowed to read a"),
    (404, "Not Found", UnreachableError, "not allowed to read a pull request, or it does not"),
    (409, "Git Repository is empty.", RefusedInputError, "GitHub refuses to read a pull request"),
    (422, "Validation Failed", RefusedInputError, "GitHub refuses to read a pull request"),
    (451, "Repository access blocked", RefusedInputError, "GitHub refuses to read a pull request"),
]


@pytest.mark.parametrize(("status", "message", "kind", "what"), TERMINAL)
def test_a_refusal_is_final_and_says_what_where_why_and_what_to_do(
    scripted: Scripted, status: int, message: str, kind: type[Exception], what: str
) -> None:
    scripted.says(status, {"message": message})
    error = failure(lambda: read_pull_request.fn("acme/shop", 7))
    assert type(error) is kind
    assert error.what.startswith(what)
    assert (error.where, error.why) == ("acme/shop#7", f"{status}: {message}")
    assert error.remedy
    assert not error.transient
    assert len(scripted.asked) == 1
    assert "ghp_scripted" not in str(error)


def test_the_details_of_a_validation_error_are_told(place: Place) -> None:
    error = failure(lambda: open_pull_request.fn(place.name, "main", "main", "Nothing", ""))
    assert error.exit_code is ExitCode.REFUSED
    assert error.why == "422: Validation Failed: No commits between main and main"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>\x1b[31m\xe2\x80\xaegateway</html>", [], {"message": None}, {"errors": 3}],
)
def test_an_answer_of_any_other_shape_is_explained_too(scripted: Scripted, body: object) -> None:
    scripted.says(404, body)
    error = failure(lambda: read_pull_request.fn("acme/shop", 1))
    assert isinstance(error, UnreachableError)
    assert error.why.isprintable()
    assert len(error.why) < 320


@pytest.mark.parametrize("wrong", ["ghp_wrong", "github_pat_0123456789"])
def test_a_wrong_token_is_refused_and_never_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", wrong)
    error = failure(lambda: read_version_tags.fn(place.name))
    assert (error.exit_code, error.why) == (ExitCode.UNREACHABLE, "401: Bad credentials")
    assert wrong not in str(error)


@pytest.mark.parametrize("wrong", ["ghp_one\nghp_two", "ghp one", "ghp_é", "ghp_\x7f"])
@pytest.mark.usefixtures("place")
def test_a_token_that_cannot_stand_in_a_header_is_refused_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", wrong)
    error = failure(token)
    assert error.code == "github.bad_token"
    assert wrong not in str(error)
    assert error.__cause__ is None


def test_a_line_end_after_a_token_does_no_harm(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", place.stand_in.running.token("bot") + "\r\n")
    assert read_version_tags.fn(place.name) == []


@pytest.mark.parametrize("address", ["github.example/api/v3", "https://", "ftp://github.example"])
def test_an_address_that_is_none_is_explained(
    place: Place, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", address)
    error = failure(lambda: read_version_tags.fn(place.name))
    assert error.code == "github.bad_address"
    assert error.remedy


def test_a_slash_at_the_end_of_the_address_does_no_harm(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", place.stand_in.api + "/")
    assert read_version_tags.fn(place.name) == []


def test_a_process_without_credentials_says_what_to_set(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    error = failure(lambda: read_version_tags.fn(place.name))
    assert error.code == "github.no_credentials"
    assert "GITHUB_APP_INSTALLATION_ID" in error.remedy


def test_a_token_that_changes_is_used_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_version_tags.fn(place.name) == []
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_other")
    assert failure(lambda: read_version_tags.fn(place.name)).why == "401: Bad credentials"
    forget_github()


def hesitate(frame: FrameType, event: str, _: object) -> None:
    """Let other threads run between what PyGithub writes down and what it then sends."""
    if event == "call" and frame.f_code is Session.request.__code__:
        time.sleep(0.02)


def test_threads_that_ask_at_once_get_each_their_own_answer(place: Place) -> None:
    numbers = [place.pull(f"feature/{n}", {f"{n}.txt": "x\n"}).number for n in range(4)] * 2
    read_pull_request.fn(place.name, numbers[0])
    threading.setprofile(hesitate)
    try:
        found = at_once([lambda n=n: read_pull_request.fn(place.name, n) for n in numbers])  # type: ignore[misc]
    finally:
        threading.setprofile(None)
    assert [pull.number for pull in found] == numbers


def test_a_pull_request_that_is_read_by_itself_knows_whether_it_is_mergeable(
    place: Place, pull: PullRequest
) -> None:
    place.stand_in.control("PATCH", "/settings", unknown_mergeable_reads=1)
    place.pull_main()
    try:
        number = place.pull("other", {"b.txt": "b\n"}).number
        found = [read_pull_request.fn(place.name, number).mergeable for _ in range(2)]
    finally:
        place.stand_in.control("PATCH", "/settings", unknown_mergeable_reads=0)
    assert (pull.mergeable, found) == (True, [None, True])


def test_whether_a_pull_request_is_mergeable_is_waited_for_and_not_for_ever(place: Place) -> None:
    place.stand_in.control("PATCH", "/settings", unknown_mergeable_reads=3)
    try:
        number = place.pull("other", {"b.txt": "b\n"}).number
    finally:
        place.stand_in.control("PATCH", "/settings", unknown_mergeable_reads=0)
    error = failure(lambda: await_mergeability.fn(place.name, number, seconds=0))
    assert (type(error), error.what) == (
        UnreachableError, f"GitHub does not say whether #{number} can be merged"
    )  # fmt: skip
    assert error.remedy
    assert await_mergeability.fn(place.name, number).mergeable is True
    place.repo().get_pull(number).edit(state="closed")
    assert not await_mergeability.fn(place.name, number, seconds=0).is_open


def test_lists_of_pull_requests_cost_one_request_a_page(
    place: Place, pull: PullRequest, seen: list[ApiExchange]
) -> None:
    (found,) = pulls_of_commit.fn(place.name, pull.head_commit)
    assert (found.number, found.head_commit) == (pull.number, pull.head_commit)
    assert find_open_pull_request.fn(place.name, "feature", "main")
    lists = (f"/repos/{place.name}/commits/{pull.head_commit}/pulls", f"/repos/{place.name}/pulls")

    def asked() -> list[str]:
        return [
            path for one in seen if one.method == "GET" for path in lists if one.path.endswith(path)
        ]

    # The stand-in notes a request after it has answered; the last one has then been noted.
    eventually(lambda: lists[1] in asked())
    assert sorted(asked()) == sorted(lists)


def test_a_pull_request_is_found_by_both_its_branches(place: Place, pull: PullRequest) -> None:
    place.branch("other", {"b.txt": "b\n"})
    assert find_open_pull_request.fn(place.name, "other", "main") is None
    assert find_open_pull_request.fn(place.name, "feature", "other") is None
    found = find_open_pull_request.fn(place.name, "feature", "main")
    assert found
    assert found.number == pull.number


def test_what_is_read_of_several_pages_is_read_to_the_end(place: Place) -> None:
    for number in range(101):
        place.bare("tag", f"v0.0.{number}", "main")
    place.bare("tag", "not-a-version", "main")
    commit = place.bare("rev-parse", "main").strip()
    found = read_version_tags.fn(place.name)
    assert {tag.name for tag in found} == {f"v0.0.{number}" for number in range(101)}
    assert {tag.commit for tag in found} == {commit}


@pytest.mark.usefixtures("place")
def test_an_unknown_repository_is_no_empty_one() -> None:
    for call in (
        lambda: read_version_tags.fn("acme/nothing"),
        lambda: tag_version.fn("acme/nothing", "v1.0.0", "0" * 40),
        lambda: open_deployment.fn("acme/nothing", "0" * 40, "preprod", production=False),
    ):
        assert failure(call).why == "404: Not Found"
