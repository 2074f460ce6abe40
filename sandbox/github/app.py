"""The ASGI application: the API, git and the control path, with faults in front of them."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import unquote

from sandbox.github import git_http
from sandbox.github.api import Api, Reply, Request
from sandbox.github.control import CONTROL_PREFIX, Control
from sandbox.github.errors import PROBLEMS_PARSING_JSON, ApiError
from sandbox.github.faults import Fault, Faults
from sandbox.github.git_http import GitReply, GitServer
from sandbox.github.journal import Exchange, Observer
from sandbox.github.urls import API_PREFIX

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_API_BODY_LIMIT = 32 * 1024 * 1024
_IN_MEMORY = 1024 * 1024


def _new_identifier() -> str:
    return uuid.uuid4().hex.upper()


@dataclass
class _Visit:
    """One request on its way through."""

    scope: Scope
    receive: Receive
    send: Send
    identifier: str = field(default_factory=_new_identifier)
    body: bytes = b""
    reply: Reply = field(default_factory=lambda: Reply(0, {}, b""))

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path as the client sent it."""
        raw: bytes = self.scope["raw_path"]
        return raw.decode("ascii", "replace")

    @property
    def headers(self) -> dict[str, str]:
        return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in self.scope["headers"]}


class Application:
    """Serves the stand-in; every observer is told of every request but the control path's."""

    def __init__(
        self,
        api: Api,
        git: GitServer,
        control: Control,
        faults: Faults,
        observers: Sequence[Observer],
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self.api = api
        self._git = git
        self._control = control
        self._faults = faults
        self._observers = observers
        self._on_stop = on_stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        visit = _Visit(scope, receive, send)
        if visit.path.startswith(CONTROL_PREFIX):
            await self._serve_control(visit)
            return
        started, clock = datetime.now(UTC), time.perf_counter()
        fault = self._faults.take(visit.method, visit.path)
        try:
            await self._serve(visit, fault)
        finally:
            duration_ms = round((time.perf_counter() - clock) * 1000, 1)
            self._observe(visit, fault, started, duration_ms)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._on_stop)
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve_control(self, visit: _Visit) -> None:
        visit.body = await _read(visit)
        answer = await asyncio.to_thread(
            self._control.serve, visit.method, visit.path, visit.headers, visit.body
        )
        raw = b"" if answer.body is None else json.dumps(answer.body).encode()
        await _send(visit, Reply(answer.status, {"Content-Type": "application/json"}, raw))

    async def _serve(self, visit: _Visit, fault: Fault | None) -> None:
        if fault and fault.latency_ms:
            await asyncio.sleep(fault.latency_ms / 1000)
        if fault and fault.kind == "reset":
            await _abort(visit)
            return
        query = visit.scope["query_string"].decode("latin-1")
        request = git_http.parse(visit.method, unquote(visit.path), query, visit.headers)
        refusal = fault.error() if fault else None
        lost = fault is not None and fault.kind == "lost"
        if request and not refusal:
            await self._serve_git(visit, request, lost=lost)
            return
        visit.body = await _read(visit)
        visit.reply = await asyncio.to_thread(self._api_reply, visit, refusal)
        if lost:
            visit.reply = Reply(0, {}, b"", visit.reply.actor, visit.reply.operation)
            await _abort(visit)
        else:
            await _send(visit, visit.reply)

    def _api_reply(self, visit: _Visit, refusal: ApiError | None) -> Reply:
        request = Request(
            method=visit.method,
            path=visit.path,
            query=visit.scope["query_string"],
            headers=visit.headers,
            body=visit.body,
            identifier=visit.identifier,
        )
        if refusal:
            return self.api.refuse(request, refusal)
        if not visit.path.startswith(f"{API_PREFIX}/"):
            return Reply(404, {"Content-Type": "text/plain"}, b"the stand-in has no pages\n")
        if len(visit.body) > _API_BODY_LIMIT:
            return self.api.refuse(request, ApiError(PROBLEMS_PARSING_JSON))
        return self.api.serve(request)

    async def _serve_git(self, visit: _Visit, request: git_http.GitRequest, *, lost: bool) -> None:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as raw, _file() as body:
            async for part in _parts(visit):
                raw.write(part)
            raw.seek(0)
            gzipped = visit.headers.get("content-encoding") == "gzip"
            await asyncio.to_thread(_copy, raw, body, gzipped)
            reply = await self._git.serve(request, body)
            visit.reply = Reply(
                0 if lost else reply.status, {}, b"", reply.actor, f"git {request.service}"
            )
            if lost:
                await _abort(visit)
            else:
                await _stream(visit, reply)

    def _observe(
        self, visit: _Visit, fault: Fault | None, started: datetime, duration_ms: float
    ) -> None:
        exchange = Exchange(
            time=started,
            duration_ms=duration_ms,
            method=visit.method,
            path=visit.path,
            operation=visit.reply.operation,
            actor=visit.reply.actor,
            status=visit.reply.status,
            fault=fault.kind if fault else "",
            request_id=visit.identifier,
            query=visit.scope["query_string"],
            request_body=visit.body,
            response_body=visit.reply.body,
            response_headers=visit.reply.headers,
        )
        for observer in self._observers:
            observer(exchange)


async def _parts(visit: _Visit) -> AsyncIterator[bytes]:
    while True:
        message = await visit.receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _read(visit: _Visit) -> bytes:
    """Return the body; of one that is too large only so much that it is seen to be."""
    parts: list[bytes] = []
    size = 0
    async for part in _parts(visit):
        if size <= _API_BODY_LIMIT:
            parts.append(part)
        size += len(part)
    return b"".join(parts)


async def _send(visit: _Visit, reply: Reply) -> None:
    headers = reply.headers | {"Content-Length": str(len(reply.body))}
    if reply.status in {204, 304}:
        del headers["Content-Length"]
    await _start(visit, reply.status, headers)
    body = b"" if visit.method == "HEAD" else reply.body
    await visit.send({"type": "http.response.body", "body": body})


async def _stream(visit: _Visit, reply: GitReply) -> None:
    await _start(visit, reply.status, reply.headers)
    async for part in reply.body:
        await visit.send({"type": "http.response.body", "body": part, "more_body": True})
    await visit.send({"type": "http.response.body", "body": b""})


async def _start(visit: _Visit, status: int, headers: dict[str, str]) -> None:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await visit.send({"type": "http.response.start", "status": status, "headers": pairs})


async def _abort(visit: _Visit) -> None:
    """Close the connection without an answer.

    ASGI has no word for it. uvicorn's `send` belongs to the object that has the transport.
    """
    transport = getattr(getattr(visit.send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("this server cannot close a connection without an answer")
    transport.abort()
    while (await visit.receive())["type"] != "http.disconnect":
        continue


def _file() -> AbstractContextManager[BinaryIO]:
    return tempfile.TemporaryFile()


def _copy(source: Any, target: BinaryIO, gzipped: bool) -> None:  # noqa: FBT001
    if gzipped:
        with gzip.GzipFile(fileobj=source) as plain:
            shutil.copyfileobj(plain, target)
    else:
        shutil.copyfileobj(source, target)
    target.seek(0)
