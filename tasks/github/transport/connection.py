"""How PyGithub's requests travel: each answer is bounded while it is read, and checked then."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import ItemsView
from contextlib import suppress
from functools import lru_cache
from typing import Any

import requests
from github.Requester import (
    HTTPSRequestsConnectionClass,
    Requester,
)
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from tiercel.domain.base.errors import UnreachableError
from tiercel.tasks.github.transport.bounds import (
    MAX_ANSWER_BYTES,
    ODD_ANSWER,
    ApiServer,
    Budget,
    current_budget,
    require_final,
    too_long,
    too_slow,
)
from tiercel.tasks.github.transport.remembering import current_memory

_CHUNK = 64 * 1024
_DAMAGES = (OSError, http.client.HTTPException)
_LONGEST_MESSAGE = 1_000
_GIVEN, _UNCHANGED = 200, 304
_FIRST_REFUSAL = 400
_UNWATCHED_SECONDS = 600.0
"""For requests that are not made in a call of ours."""


class _Watch:
    """Cuts a connection off after some seconds: a time limit of a socket begins with each byte."""

    def __init__(self, connection: socket.socket) -> None:
        budget = current_budget()
        self.seconds = budget.exchange_seconds if budget else _UNWATCHED_SECONDS
        self.has_cut = False
        # A descriptor of our own: TLS takes over the other, and closes it.
        self._connection = socket.socket(fileno=socket.dup(connection.fileno()))
        self._timer = threading.Timer(self.seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Let the connection be; it can be said more than once."""
        self._timer.cancel()
        self._connection.close()

    def _cut(self) -> None:
        self.has_cut = True
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


class _Answer(http.client.HTTPResponse):
    """An answer whose headers and body have a time and a length in which they have to come."""

    def __init__(self, sock: socket.socket, *more: Any, **named: Any) -> None:
        super().__init__(sock, *more, **named)
        self.watch = _Watch(sock)
        self._read_bytes = 0

    def begin(self) -> None:
        try:
            super().begin()
        except _DAMAGES as error:
            self.watch.end()
            if self.watch.has_cut:
                raise too_slow(self.watch.seconds) from error
            raise

    def read(self, amt: int | None = None) -> bytes:
        left = MAX_ANSWER_BYTES + 1 - self._read_bytes
        try:
            body = super().read(left if amt is None else min(amt, left))
        except _DAMAGES as error:
            if self.watch.has_cut:
                raise too_slow(self.watch.seconds) from error
            raise
        self.count(len(body))
        return body

    def count(self, size: int) -> None:
        """Take down that so many bytes more were read; raise if they are too many or too late."""
        self._read_bytes += size
        if self.watch.has_cut:
            raise too_slow(self.watch.seconds)
        if self._read_bytes > MAX_ANSWER_BYTES:
            raise too_long()
        if self.isclosed():
            self.watch.end()  # the connection may be used again

    def close(self) -> None:
        self.watch.end()
        super().close()


class _PlainConnection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer

    def _new_conn(self) -> socket.socket:
        """Watch what follows as well: that the other side proves who it is."""
        connection = super()._new_conn()
        self._watch = _Watch(connection)
        return connection

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            if hasattr(self, "_watch"):
                self._watch.end()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Requests' way to urllib3, over connections that are watched."""

    def init_poolmanager(self, *more: Any, **named: Any) -> None:
        super().init_poolmanager(*more, **named)
        _watch_pools(self.poolmanager)

    def proxy_manager_for(self, *more: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*more, **named)
        _watch_pools(manager)
        return manager


def _watch_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


class CheckedAnswer:
    """An answer as PyGithub wants it, of which everything has been read and looked at."""

    def __init__(self, status: int, headers: dict[str, str], text: str) -> None:
        self.status = status
        self.headers = headers
        self._text = text

    def getheaders(self) -> ItemsView[str, str]:
        """Return the headers, with names in lower case."""
        return self.headers.items()

    def read(self) -> str:
        """Return the body."""
        return self._text


class _BoundedConnection(HTTPSRequestsConnectionClass):
    """One request of PyGithub's, which makes a connection for each; sessions are shared."""

    protocol = "https"
    default_port = 443

    def __init__(self, host: str, port: int | None = None, **more: Any) -> None:
        """Keep what the request will need; `more` is what PyGithub was given for all of them."""
        self.host = host
        self.port = port or self.default_port
        self.timeout = more.get("timeout")
        self.verify = more.get("verify", True)
        self.session = _session(more.get("retry") or 0)

    def getresponse(self) -> CheckedAnswer:  # type: ignore[override]
        """Send the request, and return the whole answer; UnreachableError for an odd one."""
        server = ApiServer(self.protocol, self.host, self.port)
        where = f"{self.verb} {self.protocol}://{self.host}{self.url}"
        budget = current_budget() or Budget(server)
        budget.take_request(server, self.verb, self.url)
        memory = current_memory() if self.verb == "GET" else None
        known = memory.of(self.url) if memory else None
        if known:
            self.headers["If-None-Match"] = known.etag
        connecting = min(self.timeout or budget.exchange_seconds, budget.exchange_seconds)
        answer = self.session.request(
            self.verb,
            f"{self.protocol}://{self.host}:{self.port}{self.url}",
            headers=self.headers,
            data=self.input,
            timeout=(connecting, self.timeout),
            verify=self.verify,
            allow_redirects=False,
            stream=True,
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if memory and known and answer.status_code == _UNCHANGED:
            _body(answer, budget, where)
            same = memory.again(self.url)
            return CheckedAnswer(_GIVEN, dict(same.headers), same.text)
        require_final(self.verb, answer.status_code, headers, server, where)
        text = _text(answer.status_code, _body(answer, budget, where), budget, where)
        if memory and answer.status_code == _GIVEN:
            memory.keep(self.url, headers, text)
        return CheckedAnswer(answer.status_code, headers, text)

    def close(self) -> None:
        """Keep the session: the next request goes over it."""


class _BoundedPlainConnection(_BoundedConnection):
    protocol = "http"
    default_port = 80


@lru_cache(maxsize=4)
def _session(retry: Any) -> requests.Session:
    session = requests.Session()
    session.auth = Requester.noopAuth  # else requests would look for a .netrc
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(max_retries=retry))
    return session


def bound_connections() -> None:
    """Let every request that PyGithub makes in this process be bounded."""
    Requester.injectConnectionClasses(_BoundedPlainConnection, _BoundedConnection)  # type: ignore[arg-type]


def _body(answer: requests.Response, budget: Budget, where: str) -> bytes:
    watch = getattr(answer.raw, "_original_response", None)
    try:
        return budget.take(answer.iter_content(_CHUNK), where)
    except requests.exceptions.RequestException as error:
        if isinstance(watch, _Answer) and watch.watch.has_cut:
            raise too_slow(watch.watch.seconds, where) from error
        raise
    finally:
        if isinstance(watch, _Answer):
            watch.watch.end()
        answer.close()


def _text(status: int, body: bytes, budget: Budget, where: str) -> str:
    """Return an answer as JSON; one that refuses may have any form, because proxies refuse too."""
    if not body:
        return ""
    try:
        told = budget.take_json(body, where)
    except UnreachableError as error:
        if status < _FIRST_REFUSAL or error.code != ODD_ANSWER:
            raise
        told = None
    if status < _FIRST_REFUSAL or (
        isinstance(told, dict) and isinstance(told.get("message", ""), str)
    ):
        return body.decode()
    return json.dumps({"message": body[:_LONGEST_MESSAGE].decode(errors="replace")})


def forget_sessions() -> None:
    """Close what is open to any server."""
    _session.cache_clear()
