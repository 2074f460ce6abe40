"""The ASGI application: the API, git, pages and the control path, with faults in front of them."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import unquote

from tiercel.sandbox.github.http import git_http
from tiercel.sandbox.github.http.api import Api, ApiRequest, Reply
from tiercel.sandbox.github.http.control import Control
from tiercel.sandbox.github.http.entrance import CONTROL_PREFIX
from tiercel.sandbox.github.http.faults import Fault, Faults
from tiercel.sandbox.github.http.git_http import GitServer
from tiercel.sandbox.github.http.journal import ApiExchange, Observer
from tiercel.sandbox.github.http.visits import BODY_LIMIT, Visit
from tiercel.sandbox.github.memory.urls import API_PREFIX
from tiercel.sandbox.github.pages.serving import show
from tiercel.sandbox.github.rules.errors import PROBLEMS_PARSING_JSON, ApiError
from tiercel.sandbox.machine.asgi import Receive, Scope, Send
from tiercel.sandbox.pages.frame import PageRequest, answer_page

_IN_MEMORY = 1024 * 1024


class StandInApplication:
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
        visit = Visit(scope, receive, send)
        if visit.path.startswith(CONTROL_PREFIX):
            await self._serve_control(visit)
            return
        fault = self._faults.take(visit.method, visit.path)
        observed = self._once(visit, fault)
        try:
            await self._serve(visit, fault, observed)
        finally:
            observed()

    def _once(self, visit: Visit, fault: Fault | None) -> Callable[[], None]:
        """Return what tells the observers, once: whoever has an answer of the API can see it."""
        started, clock, told = datetime.now(UTC), time.perf_counter(), False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                duration_ms = round((time.perf_counter() - clock) * 1000, 1)
                self._observe(visit, fault, started, duration_ms)

        return tell

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._on_stop)
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve_control(self, visit: Visit) -> None:
        visit.body = await visit.read()
        answer = await asyncio.to_thread(
            self._control.serve, visit.method, visit.path, visit.headers, visit.body
        )
        raw = b"" if answer.body is None else json.dumps(answer.body).encode()
        await visit.answer(Reply(answer.status, {"Content-Type": "application/json"}, raw))

    async def _serve(self, visit: Visit, fault: Fault | None, observed: Callable[[], None]) -> None:
        if fault and fault.latency_ms:
            await asyncio.sleep(fault.latency_ms / 1000)
        if fault and fault.kind == "reset":
            await visit.abort()
            return
        query = visit.scope["query_string"].decode("latin-1")
        request = git_http.parse(visit.method, unquote(visit.path), query, visit.headers)
        refusal = fault.error() if fault else None
        lost = fault is not None and fault.kind == "lost"
        if request and not refusal:
            await self._serve_git(visit, request, lost=lost)
            return
        visit.body = await visit.read()
        visit.reply = await asyncio.to_thread(self._api_reply, visit, refusal)
        if lost:
            visit.reply = Reply(0, {}, b"", visit.reply.actor, visit.reply.operation)
            await visit.abort()
        else:
            observed()
            await visit.answer(visit.reply)

    def _api_reply(self, visit: Visit, refusal: ApiError | None) -> Reply:
        request = ApiRequest(
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
            return self._page(visit)
        if len(visit.body) > BODY_LIMIT:
            return self.api.refuse(request, ApiError(PROBLEMS_PARSING_JSON))
        return self.api.serve(request)

    def _page(self, visit: Visit) -> Reply:
        asked = PageRequest(visit.method, visit.path, visit.headers.get("host", ""))
        _, port = visit.scope["server"]
        answer = answer_page(asked, port, partial(show, self.api.world))
        return Reply(answer.status, answer.headers, answer.body, operation="page")

    async def _serve_git(self, visit: Visit, request: git_http.GitRequest, *, lost: bool) -> None:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as raw, _file() as body:
            async for part in visit.parts():
                raw.write(part)
            raw.seek(0)
            packed = visit.headers.get("content-encoding") == "gzip"
            copy = _unpack if packed else shutil.copyfileobj
            try:
                await asyncio.to_thread(copy, raw, body)
            except (OSError, EOFError, zlib.error):
                await visit.answer(Reply(400, {"Content-Type": "text/plain"}, b"bad gzip\n"))
                return
            reply = await self._git.serve(request, body)
            visit.reply = Reply(
                0 if lost else reply.status, {}, b"", reply.actor, f"git {request.service}"
            )
            if lost:
                await visit.abort()
            else:
                await visit.stream(reply.status, reply.headers, reply.body)

    def _observe(
        self, visit: Visit, fault: Fault | None, started: datetime, duration_ms: float
    ) -> None:
        exchange = ApiExchange(
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


def _file() -> AbstractContextManager[BinaryIO]:
    return tempfile.TemporaryFile()


def _unpack(source: Any, target: BinaryIO) -> None:
    with gzip.GzipFile(fileobj=source, mode="rb") as plain:
        shutil.copyfileobj(plain, target)
