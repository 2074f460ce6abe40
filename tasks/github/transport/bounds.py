"""What one call may ask GitHub and be told: requests, seconds, bytes, and in which form.

GitHub itself keeps to all of this. A proxy on the way, a server that is ill and one that means harm
do not, and no answer of theirs may end in a run that hangs or a worker without memory.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.base.text import printable

MAX_ANSWER_BYTES = 32 * 1024**2
"""As sent. A hundred comments of 64 KiB, the longest that GitHub has, are 6 MiB."""
_MAX_EXCHANGE_SECONDS = 60.0
"""From sending a request to the last byte of its answer; GitHub itself gives up after 10."""
_MAX_CALL_BYTES = 64 * 1024**2
_MAX_CALL_VALUES = 2_000_000
"""A value of JSON may have two bytes there, and a hundred in memory."""
_MAX_CALL_REQUESTS = 300
_MAX_CALL_SECONDS = 900.0
_LONGEST_REASON = 300
ODD_ANSWER = "github.odd_answer"
_NEXT = re.compile(r'<([^<>]*)>[^<>]*;\s*rel="?(?:next|prev|last)"?')


class ApiServer(NamedTuple):
    """Where GitHub's API is: nobody else is asked, whatever an answer says."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> ApiServer:
        """Return the server of an address; ValueError if its port is no number."""
        parts = urlsplit(url)
        default = 443 if parts.scheme == "https" else 80
        return cls(parts.scheme, parts.hostname or "", parts.port or default)


@dataclass
class Budget:
    """What is left for one call; `exchange_seconds` is how long one request may take."""

    server: ApiServer
    exchange_seconds: float = _MAX_EXCHANGE_SECONDS
    ends: float = field(default_factory=lambda: time.monotonic() + _MAX_CALL_SECONDS)
    requests: int = _MAX_CALL_REQUESTS
    size: int = _MAX_CALL_BYTES
    values: int = _MAX_CALL_VALUES
    asked: set[str] = field(default_factory=set)

    def take_request(self, server: ApiServer, method: str, path: str) -> None:
        """Count a request; UnreachableError if there is none left, or it may not be sent.

        The same is asked twice only after something was written: else a list or a redirection
        goes in a circle.
        """
        where = printable(f"{method} {server.host}{path}", _LONGEST_REASON)
        if server != self.server:
            raise odd_answer("it sends us to another server", where)
        if method not in ("GET", "HEAD"):
            self.asked.clear()
        elif path in self.asked:
            raise odd_answer("it goes in a circle", where)
        self.asked.add(path)
        self.requests -= 1
        if self.requests < 0 or time.monotonic() > self.ends:
            raise UnreachableError(
                "github.endless",
                "GitHub has more to say than is read",
                where=where,
                why=f"a call may ask {_MAX_CALL_REQUESTS} times and take "
                f"{_MAX_CALL_SECONDS:.0f} seconds",
                state="what was written before stays",
                remedy="see on GitHub how many tags, releases or comments there are",
            )

    def take(self, chunks: Iterable[bytes], where: str) -> bytes:
        """Return a whole answer, unpacked; UnreachableError as soon as it is too long."""
        parts = []
        for chunk in chunks:
            self.size -= len(chunk)
            if self.size < 0:
                raise too_long(where)
            parts.append(chunk)
        return b"".join(parts)

    def take_json(self, body: bytes, where: str) -> Any:
        """Return what JSON says; UnreachableError for what is none, or would fill the memory."""
        self.values -= sum(body.count(mark) for mark in (b",", b"[", b"{"))
        if self.values < 0:
            raise too_long(where)
        try:
            return json.loads(body.decode())
        except ValueError as error:
            raise odd_answer("it is no JSON", where) from error
        except RecursionError as error:
            raise odd_answer("it is nested too deeply", where) from error


_budget: ContextVar[Budget | None] = ContextVar("github_budget", default=None)


@contextmanager
def bounded_call(budget: Budget) -> Iterator[None]:
    """Give what is done inside a budget; a call inside of another shares that one's."""
    if _budget.get():
        yield
        return
    token = _budget.set(budget)
    try:
        yield
    finally:
        _budget.reset(token)


def current_budget() -> Budget | None:
    """Return the budget of the call that is under way."""
    return _budget.get()


def require_final(
    method: str, status: int, headers: Mapping[str, str], server: ApiServer, where: str
) -> None:
    """Raise UnreachableError if an answer sends us, or the rest of a list, to another server.

    301 is a repository that was renamed: PyGithub follows it on the same server. 202 in place of
    what was asked for is for statistics, and PyGithub would ask again without an end.
    https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """
    targets = _NEXT.findall(headers.get("link", ""))
    if status in range(300, 400):
        targets.append(headers.get("location", "") if status == 301 else "")
    for target in targets:
        if _server_of(target) != server:
            raise odd_answer("it sends us to another server", where)
    if status == 202 and method == "GET":
        raise odd_answer("it is not ready", where)


def _server_of(url: str) -> ApiServer | None:
    try:
        return ApiServer.of(url)
    except ValueError:
        return None


def too_long(where: str = "") -> UnreachableError:
    """Return the error of an answer that is not read to its end."""
    return UnreachableError(
        "github.too_long",
        "GitHub's answer is longer than is read",
        where=where,
        why=f"at most {MAX_ANSWER_BYTES:,} bytes as sent, {_MAX_CALL_BYTES:,} unpacked in a call",
        remedy="see whether GITHUB_API_URL leads to GitHub's API, and who answers on the way",
    )


def too_slow(seconds: float, where: str = "") -> UnreachableError:
    """Return the error of an answer that comes, but does not come to its end."""
    return UnreachableError(
        "github.too_slow",
        "GitHub's answer does not come to its end",
        where=where,
        why=f"it took more than {seconds:g} seconds",
        remedy="see whether GITHUB_API_URL leads to GitHub's API, and who answers on the way",
    )


def odd_answer(why: str, where: str) -> UnreachableError:
    """Return the error of an answer that GitHub would not give."""
    return UnreachableError(
        "github.odd_answer",
        "GitHub's answer is not one of GitHub's API",
        where=where,
        why=why,
        remedy="see whether GITHUB_API_URL leads to GitHub's API, and who answers on the way",
    )
