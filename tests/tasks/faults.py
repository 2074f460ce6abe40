"""AWS that fails on purpose: faults of microburst's, and answers that a go-between alters.

Both are HTTP proxies in front of the sandbox. A signature covers the Host header: with
microburst's address as its endpoint a client signs for microburst, which sends another
Host on, and the sandbox refuses the signature. As `http_proxy` it is out of the
signature: the client signs for the sandbox and microburst sends just that Host on.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.support.patience import PATIENCE_SECONDS
from tests.support.plain_http import ask

Rule = dict[str, Any]

_HOP_BY_HOP = {"connection", "content-length", "expect", "proxy-connection", "transfer-encoding"}


def once(service: str, operation: str, **effect: Any) -> Rule:
    """A rule of microburst's that fires one time."""
    return {"service": service, "operation": operation, "times": 1, **effect}


def error(code: str, status: int) -> dict[str, Any]:
    return {"error": {"code": code, "status": status}}


@dataclass(frozen=True)
class Faults:
    """A running microburst."""

    url: str

    def inject(self, *rules: Rule) -> None:
        """Replace all rules, and forget what fired."""
        self._control("fired", "DELETE")
        self._control("rules", "POST", list(rules))

    def fired(self) -> list[str]:
        """The operations that a rule has met, oldest first."""
        return [event["operation"] for event in self._control("fired")]

    def is_up(self) -> bool:
        try:
            return bool(self._control("health")["status"] == "ok")
        except httpx.HTTPError:
            return False

    def _control(self, path: str, method: str = "GET", data: Any = None) -> Any:
        url = f"{self.url}/_microburst/{path}"
        return ask(method, url, json=data).raise_for_status().json()


@contextmanager
def microburst(upstream: str) -> Iterator[Faults]:
    port = free_port()
    faults = Faults(f"http://127.0.0.1:{port}")
    process = subprocess.Popen(
        [Path(sys.executable).parent / "microburst", "--upstream", upstream, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not faults.is_up():
            assert process.poll() is None, "microburst has ended"
            assert time.monotonic() < deadline, "microburst does not answer"
            time.sleep(0.05)
        yield faults
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Question:
    """`target` names the operation of services that speak JSON, as in `TrentService.Sign`."""

    method: str
    path: str
    body: bytes
    target: str


@dataclass(frozen=True)
class Answer:
    """`claimed_length` is the Content-Length of an answer that breaks off before its end."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    claimed_length: int = 0

    def saying(self, body: bytes) -> Answer:
        return replace(self, body=body)


Alteration = Callable[[Question, Answer], Answer | None]
Interception = Callable[[Question, Callable[[], Answer]], Answer | None]


@contextmanager
def go_between(alter: Alteration) -> Iterator[str]:
    """Start a proxy that passes on what `alter` makes of each answer; None loses the answer.

    microburst cannot lose an answer without a body, as that of PutObject, nor change one.
    """
    with interceptor(lambda question, ask: alter(question, ask())) as url:
        yield url


class _Server(ThreadingHTTPServer):
    """Says nothing of clients that went away, which killed processes do."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def interceptor(intercept: Interception) -> Iterator[str]:
    """Start a proxy that leaves it to `intercept` whether a request is passed on, and when.

    Its second argument passes the request on and returns the answer; what it returns itself
    is what the client gets, None closes the connection without an answer.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _relay(self) -> None:
            target = urlsplit(self.path)
            path = target._replace(scheme="", netloc="").geturl()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            named = self.headers.get("X-Amz-Target", "")
            question = Question(self.command, path, body, named)
            answer = intercept(question, lambda: self._ask(target.netloc, path, body))
            if answer is None:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            length = answer.claimed_length or len(answer.body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = self.close_connection or length > len(answer.body)

        def _ask(self, netloc: str, path: str, body: bytes) -> Answer:
            headers = {n: v for n, v in self.headers.items() if n.lower() not in _HOP_BY_HOP}
            upstream = http.client.HTTPConnection(netloc, timeout=30)
            try:
                upstream.request(self.command, path, body or None, headers)
                found = upstream.getresponse()
                kept = [(n, v) for n, v in found.getheaders() if n.lower() not in _HOP_BY_HOP]
                return Answer(found.status, tuple(kept), found.read())
            finally:
                upstream.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _relay  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as url:
        yield url


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a port of loopback in a thread of its own."""
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def losing_first(method: str, needle: bytes) -> tuple[Alteration, list[int]]:
    """Lose the first successful answer to a request that contains the needle.

    The list tells the status of each answer to such requests, the lost one first.
    """
    statuses: list[int] = []

    def alter(question: Question, answer: Answer) -> Answer | None:
        if question.method != method or needle not in question.path.encode() + question.body:
            return answer
        statuses.append(answer.status)
        return None if len(statuses) == 1 else answer

    return alter, statuses
