"""Whatever comes in place of GitHub's answer: a refusal that says so, in time and in memory."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tasks import github_fixtures
from tests.tasks.github_fixtures import Scripted, failure
from tiercel.domain.base.errors import TiercelError, TransientError, UnreachableError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.review.statuses import StatusState, status_of
from tiercel.tasks.github.pull_requests import (
    find_open_pull_request,
    open_pull_request,
    pulls_of_commit,
    read_pull_request,
    upsert_comment,
)
from tiercel.tasks.github.pushes import read_pushes
from tiercel.tasks.github.releases import publish_release, read_version_tags, tag_version
from tiercel.tasks.github.statuses import open_deployment, report_deployment_state, set_status
from tiercel.tasks.github.transport.bounds import ApiServer, Budget, bounded_call
from tiercel.tasks.github.transport.client import forget_github

scripted = github_fixtures.scripted

SHA = "1" * 40
PULL = PullRequest(
    repository="acme/shop", number=7, title="", author="ada", url="http://x", is_open=True,
    merged=False, mergeable=True, head_branch="a", head_commit=SHA, base_branch="b",
    merge_commit="",
)  # fmt: skip
DONE = status_of("", StatusState.SUCCESS, "verified")
CALLS: dict[str, Callable[[], object]] = {
    "read pull request": lambda: read_pull_request.fn("acme/shop", 7),
    "pulls of commit": lambda: pulls_of_commit.fn("acme/shop", SHA),
    "find pull request": lambda: find_open_pull_request.fn("acme/shop", "a", "b"),
    "open pull request": lambda: open_pull_request.fn("acme/shop", "a", "b", "t", "x"),
    "comment": lambda: upsert_comment.fn(PULL, "<!-- m -->", "x"),
    "read tags": lambda: read_version_tags.fn("acme/shop"),
    "read pushes": lambda: read_pushes.fn("acme/shop", "a"),
    "tag": lambda: tag_version.fn("acme/shop", "v1.0.0", SHA),
    "release": lambda: publish_release.fn("acme/shop", "v1.0.0", SHA, "notes"),
    "status": lambda: set_status.fn("acme/shop", SHA, DONE, ""),
    "open deployment": lambda: open_deployment.fn("acme/shop", SHA, "prod", production=True),
    "report deployment": lambda: report_deployment_state.fn(
        "acme/shop", 1, "success", "done", log_url="", address=""
    ),
}
KEYS = st.sampled_from(
    ["url", "id", "number", "title", "state", "user", "login", "type", "head", "base", "ref", "sha",
     "name", "commit", "object", "body", "message", "errors", "tag_name", "html_url", "draft",
     "context", "description", "merged_at", "mergeable", "total_count", "items"],
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


@contextmanager
def speaking(*pieces: bytes, every: float = 0.0, for_ever: bool = False) -> Iterator[str]:
    """A server that says pieces, one after the other, to whoever comes, whatever is asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def say(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            for piece in pieces:
                connection.sendall(piece)
                over.wait(every)
            while for_ever and not over.is_set():
                connection.sendall(pieces[-1])
                over.wait(every)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=say, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v3"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def refused(
    api: str, monkeypatch: pytest.MonkeyPatch, name: str = "read tags", seconds: float = 60.0
) -> TiercelError:
    monkeypatch.setenv("GITHUB_API_URL", api)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_x")
    forget_github()
    try:
        with bounded_call(Budget(ApiServer.of(api), exchange_seconds=seconds)):
            return failure(CALLS[name])
    finally:
        forget_github()


def head(*lines: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", *lines, "", "")).encode()


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "body",
    [
        b"<html>Sign in</html>",
        b'{"a": ',
        b"[1, 2",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'[{"a": ' + b"1" * 5_000 + b"}]",
        b"nonsense",
    ],
    ids=lambda body: ascii(body[:9]),
)
def test_what_is_no_json_is_told_as_that(scripted: Scripted, name: str, body: bytes) -> None:
    scripted.says(200, body)
    error = failure(CALLS[name])
    assert error.code == "github.odd_answer"
    assert not error.transient
    assert "GITHUB_API_URL" in error.remedy


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("read pull request", []),
        ("read pull request", [{"number": 1}]),
        ("read pull request", "text"),
        ("read pull request", {"number": "7", "head": {}, "base": {}}),
        ("pulls of commit", {"number": 7}),
        ("pulls of commit", ["a"]),
        ("pulls of commit", [[1]]),
        ("pulls of commit", 5),
        ("read tags", [{"name": 5, "commit": {"sha": SHA}}]),
        ("read tags", [{"name": "v1.0.0", "commit": "x"}]),
        ("read tags", True),
        ("release", [{"tag_name": {}}]),
        ("status", [{"context": 1}]),
        ("open deployment", [{"id": "x"}]),
    ],
)
def test_an_answer_of_other_types_is_told_as_that(scripted: Scripted, name: str, body: Any) -> None:
    scripted.says(200, body)
    error = failure(CALLS[name])
    assert error.code in {"github.odd_answer", "github.branches_unknown"}


def test_no_answer_whatever_ends_in_anything_but_a_refusal(scripted: Scripted) -> None:
    """Twelve answers, more than any call asks for; each of them may be anything."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(list(CALLS)), st.lists(JSON, min_size=2, max_size=2), st.data())
    def told(name: str, bodies: list[Any], data: st.DataObject) -> None:
        status = data.draw(st.sampled_from([200, 200, 200, 201, 204, 206, 300, 304, 400, 404, 418]))
        del scripted.answers[:]
        for body in bodies * 6:
            scripted.says(status, b"" if status in (204, 304) else json.dumps(body).encode())
        with suppress(TiercelError):
            CALLS[name]()

    told()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:1/x", "https://localhost/x", "//evil", "/x", "", "http://[", "x"]
)
def test_nobody_is_followed_to_another_server(
    scripted: Scripted, status: int, location: str
) -> None:
    scripted.says(status, {}, Location=location)
    error = failure(CALLS["read pull request"])
    assert error.code == "github.odd_answer"
    assert len(scripted.asked) == 1


def test_a_repository_that_was_renamed_is_followed_on_the_same_server(scripted: Scripted) -> None:
    scripted.says(301, {}, Location=f"{scripted.api}/repositories/1/tags?per_page=100")
    scripted.says(200, [])
    assert CALLS["read tags"]() == []
    assert len(scripted.asked) == 2


def test_a_redirection_in_a_circle_is_not_followed_again(scripted: Scripted) -> None:
    for way in ("a", "b", "a", "b"):
        scripted.says(301, {}, Location=f"{scripted.api}/{way}")
    error = failure(CALLS["read tags"])
    assert error.code == "github.odd_answer"
    assert len(scripted.asked) == 3


def test_an_answer_that_is_never_ready_is_not_waited_for(scripted: Scripted) -> None:
    """PyGithub would ask again every two seconds, without an end."""
    scripted.says(202, {})
    assert failure(CALLS["read tags"]).code == "github.odd_answer"
    assert len(scripted.asked) == 1


@pytest.mark.parametrize("to", ["the same page", "the page before", "another server"])
def test_a_list_that_goes_in_a_circle_or_elsewhere_is_not_followed(
    scripted: Scripted, to: str
) -> None:
    tag = [{"name": "v1.0.0", "commit": {"sha": SHA}}]
    second = f"{scripted.api}/repos/acme/shop/tags?page=2&per_page=100"
    first = f"{scripted.api}/repos/acme/shop/tags?per_page=100"
    links = {
        "the same page": [first],
        "the page before": [second, first],
        "another server": ["http://127.0.0.1:1/x"],
    }
    for link in links[to]:
        scripted.says(200, tag, Link=f'<{link}>; rel="next"')
    assert failure(CALLS["read tags"]).code == "github.odd_answer"
    assert len(scripted.asked) == len(links[to])


def test_a_tag_that_names_itself_is_not_peeled_for_ever(scripted: Scripted) -> None:
    named = {"type": "tag", "sha": SHA, "url": "x"}
    scripted.says(200, [{"ref": "refs/tags/v1.0.0", "object": named}])
    for _ in range(3):
        scripted.says(200, {"tag": "v1.0.0", "object": named})
    assert failure(CALLS["tag"]).code == "github.odd_answer"


def test_a_list_without_an_end_ends(scripted: Scripted) -> None:
    for page in range(400):
        link = f'<{scripted.api}/repos/acme/shop/tags?page={page}>; rel="next"'
        scripted.says(200, [{"name": "x", "commit": {"sha": SHA}}], Link=link)
    assert failure(CALLS["read tags"]).code == "github.endless"
    assert len(scripted.asked) == 300


@pytest.mark.parametrize("name", ["number", "text", "list"])
@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_a_refusal_in_an_odd_form_is_a_refusal(scripted: Scripted, status: int, name: str) -> None:
    odd = {"number": {"message": 5, "errors": {}}, "text": "x", "list": [1]}[name]
    scripted.says(status, odd)
    error = failure(CALLS["read tags"])
    refusals = {"github.refused_credentials", "github.not_allowed", "github.refused"}
    assert error.code in refusals
    assert str(status) in error.why


@pytest.mark.parametrize("value", ["abc", "nan", "inf", "1e999", "-1"])
def test_a_rate_limit_in_an_odd_form_is_told(scripted: Scripted, value: str) -> None:
    limits = {"X_RateLimit_Remaining": value, "X_RateLimit_Limit": value}
    scripted.says(200, [], **limits)
    with suppress(UnreachableError):
        assert CALLS["read tags"]() == []


MIB = b"x" * 1024**2
PARTS = {
    "with its length": (head("Content-Length: 629145600"), b'["' + MIB, MIB),
    "until it is closed": (head("Connection: close"), b'["' + MIB, MIB),
    "in chunks": (head("Transfer-Encoding: chunked"), b"100000\r\n" + MIB + b"\r\n"),
    "as a refusal": (b"HTTP/1.1 403 No\r\nContent-Length: 629145600\r\n\r\n", MIB),
    "as an illness": (b"HTTP/1.1 502 No\r\nContent-Length: 629145600\r\n\r\n", MIB),
}


@pytest.mark.parametrize("way", PARTS)
def test_600_megabytes_are_not_read(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    with speaking(*PARTS[way], for_ever=True) as api:
        tracemalloc.start()
        try:
            error = refused(api, monkeypatch)
            assert tracemalloc.get_traced_memory()[1] < 200 * 1024**2
        finally:
            tracemalloc.stop()
    assert error.code == "github.too_long"


@pytest.mark.parametrize(
    "body", [b'"' + b"x" * (65 * 1024**2) + b'"', b"[" + b"[]," * 1_100_000], ids=["text", "lists"]
)
def test_what_becomes_large_when_it_is_unpacked_is_not(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    packed = gzip.compress(body, 1)
    sizes = head("Content-Encoding: gzip", f"Content-Length: {len(packed)}")
    with speaking(sizes, packed) as api:
        assert refused(api, monkeypatch).code == "github.too_long"


DRIPS = {
    "its first line": (b"H",),
    "its headers": (head("Content-Length: 9")[:-2], b"x"),
    "its body": (head("Content-Length: 9999"), b"["),
    "its body in chunks": (head("Transfer-Encoding: chunked"), b"1\r\n[\r\n"),
    "its body until it is closed": (head(), b"["),
    "promises to go on": (b"HTTP/1.1 100 Continue\r\n\r\n",),
    "a refusal": (b"HTTP/1.1 403 No\r\nContent-Length: 9999\r\n\r\n", b"["),
}


@pytest.mark.parametrize("name", ["read tags", "status"])
@pytest.mark.parametrize("part", DRIPS)
def test_one_byte_after_the_other_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, part: str, name: str
) -> None:
    with speaking(*DRIPS[part], every=0.05, for_ever=True) as api:
        started = time.monotonic()
        error = refused(api, monkeypatch, name, seconds=0.3)
    assert error.code == "github.too_slow"
    assert time.monotonic() - started < 5
    assert not error.transient


@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 99") + b"[]",
        head("Transfer-Encoding: chunked") + b"zz\r\n[]\r\n",
        b"\x16\x03\x01 no HTTP at all\r\n\r\n",
        head(*(f"X-{number}: 1" for number in range(200))) + b"[]",
        head("X: " + "x" * 70_000) + b"[]",
        b"",
    ],
    ids=["cut off", "odd chunks", "no HTTP", "200 headers", "a long header", "nothing"],
)
def test_an_answer_that_is_broken_off_or_no_answer_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    with speaking(answer) as api:
        error = refused(api, monkeypatch)
    assert isinstance(error, TransientError)
    assert error.code == "github.no_answer"


def test_a_time_limit_ends_with_its_answer(scripted: Scripted) -> None:
    """The same connection is used again long after its first answer."""
    with bounded_call(Budget(ApiServer.of(scripted.api), exchange_seconds=0.2)):
        for page in range(3):
            scripted.says(502 if page == 1 else 200, [])
            if page == 1:
                scripted.says(200, [])
            assert find_open_pull_request.fn("acme/shop", f"a{page}", "b") is None
            time.sleep(0.15)


@pytest.mark.parametrize("url", ["http://192.0.2.1/api/v3", "http://github.example", "http://["])
def test_a_token_is_sent_without_encryption_to_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    assert refused_address(url, monkeypatch).code == "github.bad_address"


def refused_address(url: str, monkeypatch: pytest.MonkeyPatch) -> TiercelError:
    monkeypatch.setenv("GITHUB_API_URL", url)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_x")
    return failure(CALLS["read tags"])
