"""What the tests of the GitHub tasks share. A module takes a fixture by assigning its name."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
from github.Repository import Repository

from tests.sandbox.github.support import Place, StandIn
from tests.sandbox.github.tally import watched
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.sandbox.github.http.journal import ApiExchange
from tiercel.tasks.github.pull_requests import read_pull_request
from tiercel.tasks.github.transport.client import forget_github

R = TypeVar("R")
VARIABLES = (
    "GITHUB_TOKEN",
    "GITHUB_APP_ID",
    "GITHUB_APP_PRIVATE_KEY_FILE",
    "GITHUB_APP_INSTALLATION_ID",
)


@pytest.fixture(scope="module")
def seen() -> list[ApiExchange]:
    """Every exchange with the module's stand-in, in order."""
    return []


@pytest.fixture(scope="module")
def stand_in(
    tmp_path_factory: pytest.TempPathFactory, seen: list[ApiExchange], pytestconfig: pytest.Config
) -> Iterator[StandIn]:
    observers = [seen.append, watched(pytestconfig).exchanges.append]
    running = StandIn(tmp_path_factory.mktemp("github"), observers=observers)
    yield running
    running.stop()


@pytest.fixture
def place(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A new repository of the stand-in, where the tasks act as `bot`."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_API_URL", stand_in.api)
    monkeypatch.setenv("GITHUB_SERVER_URL", stand_in.server)
    monkeypatch.setenv("GITHUB_TOKEN", stand_in.running.token("bot"))
    monkeypatch.setenv("TIERCEL_CACHE_DIR", str(tmp_path / "cache"))
    forget_github()
    yield Place.create(stand_in, tmp_path)
    stand_in.control("DELETE", "/faults")
    forget_github()


@pytest.fixture
def pull(place: Place) -> PullRequest:
    """An open pull request as the tasks see it."""
    made = place.pull("feature", {"a.txt": "a\n"})
    return read_pull_request.fn(place.name, made.number)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the tasks log while no flow runs."""
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    keeper = Keeper()
    logging.getLogger("tiercel").addHandler(keeper)
    yield lines
    logging.getLogger("tiercel").removeHandler(keeper)


class Scripted:
    """A server that says what it is told to, for answers that the stand-in never gives."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any]] = []
        self.asked: list[str] = []
        self.credentials: list[str] = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                scripted.asked.append(f"{self.command} {self.path}")
                scripted.credentials.append(self.headers.get("Authorization", ""))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, body = scripted.answers.pop(0)
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(raw))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            do_POST = do_PATCH = do_GET  # noqa: N815 - the base class looks for these

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api = f"http://127.0.0.1:{self._server.server_port}/api/v3"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def says(self, status: int, body: Any = None, **headers: str) -> None:
        """Say this next; a body that is no bytes becomes JSON, `_` in a header's name `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, named, {"message": "no"} if body is None else body))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """GitHub is this server, and the tasks have a token."""
    running = Scripted()
    monkeypatch.setenv("GITHUB_API_URL", running.api)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_scripted")
    forget_github()
    yield running
    forget_github()
    running.stop()


def repeated(call: Callable[[], R], times: int = 5) -> R:
    """Call as Prefect would: again after a transient failure, here without its pauses."""
    for _ in range(times - 1):
        try:
            return call()
        except TiercelError as error:
            if not error.transient:
                raise
    return call()


def failure(call: Callable[[], object]) -> TiercelError:
    """Return the failure that a person gets to see; fail when there is none."""
    try:
        call()
    except TiercelError as error:
        return error
    raise AssertionError("nothing failed")


def at_once(calls: list[Callable[[], R]]) -> list[R]:
    """Return the answers of calls that begin together, each in a thread of its own."""
    start, answers = threading.Barrier(len(calls)), dict[int, R]()

    def run(number: int) -> None:
        start.wait()
        answers[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[number] for number in range(len(calls))]


def as_person(place: Place) -> Repository:
    """The repository as PyGithub shows it to somebody who is not Tiercel."""
    return place.repo("reviewer")
