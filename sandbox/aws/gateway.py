"""The ASGI application in front of the emulator: addresses, latency, the journal, and pages."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from tiercel.sandbox.aws import addresses, exchange
from tiercel.sandbox.aws.console.addresses import CONSOLE_PREFIX
from tiercel.sandbox.aws.journal import JournalEntry, JournalWriter
from tiercel.sandbox.aws.launch import HEALTH_PATH
from tiercel.sandbox.aws.snapshots import Snapshots
from tiercel.sandbox.machine.asgi import Application, Message, Receive, Scope, Send
from tiercel.sandbox.pages.frame import PageRequest, answer_page

_REQUEST_BODY_LIMIT = 1024 * 1024
_ERROR_LIMIT = 64 * 1024
_XML_TAIL = 512
_WITHOUT_BODY = (204, 304)


class PassingCall:
    """Watches one request and its answer pass; bytes are passed on as they come.

    Bodies are only looked at where they name the operation, the error or the request id:
    requests up to 1 MiB, answers that are errors, and the end of answers in XML.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.status = 0
        self._receive = receive
        self._send = send
        self._request_body: list[bytes] = []
        self._request_size = 0
        self._headers: dict[str, str] = {}
        self._held: Message | None = None
        self._answer = b""
        self.ended: Callable[[], None] = lambda: None
        """Called when everything is known, before the last part of the answer is passed on."""

    async def receive(self) -> Message:
        """Pass on a part of the request."""
        message = await self._receive()
        part = message.get("body", b"")
        self._request_size += len(part)
        if self._request_size <= _REQUEST_BODY_LIMIT:
            self._request_body.append(part)
        else:
            self._request_body.clear()
        return message

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer; an error gets the request id that AWS always sends."""
        if message["type"] == "http.response.start":
            await asyncio.sleep(exchange.seconds_before_answer(self.scope, self._request_size))
            self.status = message["status"]
            self._headers = exchange.text_headers(message.get("headers", ()))
            if self._lacks_id or self._ends_with_headers:
                self._held = message
                return
        elif self.status >= 400:
            self._answer = (self._answer + message.get("body", b""))[:_ERROR_LIMIT]
        elif "xml" in self._headers.get("content-type", ""):
            self._answer = (self._answer + message.get("body", b""))[-_XML_TAIL:]
        held, self._held = self._held, None
        if held and self._lacks_id:
            held = self._identified(held)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.ended()
        if held:
            await self._send(held)
        await self._send(message)

    @property
    def _lacks_id(self) -> bool:
        return self.status >= 400 and not exchange.request_id(self._headers, b"")

    @property
    def _ends_with_headers(self) -> bool:
        """Whether a client has the whole answer when it has the headers."""
        empty = self._headers.get("content-length") == "0"
        return empty or self.status in _WITHOUT_BODY or self.scope["method"] == "HEAD"

    def _identified(self, start: Message) -> Message:
        identifier = exchange.request_id({}, self._answer) or str(uuid.uuid4())
        names = ("x-amzn-requestid", "x-amz-request-id")
        self._headers |= dict.fromkeys(names, identifier)
        added = [(name.encode(), identifier.encode()) for name in names]
        return start | {"headers": [*start.get("headers", ()), *added]}

    def entry(self, started: datetime, duration_ms: float) -> JournalEntry:
        """Return what happened."""
        request = exchange.parse_request(self.scope, b"".join(self._request_body))
        caller = exchange.caller_of(request)
        target = exchange.target_of(self.scope, request, caller)
        return JournalEntry(
            time=started,
            duration_ms=round(duration_ms, 1),
            kind=target.kind,
            account=caller.account,
            principal=caller.principal,
            access_key=caller.access_key,
            service=target.service,
            action=target.action,
            operation=target.operation,
            resource=target.resource,
            region=exchange.region_of(request),
            status=self.status,
            error_code=exchange.error_code(
                request.method, self.status, self._headers, self._answer
            ),
            request_id=exchange.request_id(self._headers, self._answer),
        )


class Gateway:
    """Serves every call through the emulator and writes it to the journal."""

    def __init__(
        self,
        emulator: Application,
        journal: JournalWriter,
        snapshots: Snapshots,
        latency_ms: int,
        show: Callable[[list[str]], bytes | None] = lambda _: None,
    ) -> None:
        """`show` makes a page of the console, and asks through this gateway for what is on it."""
        self._emulator = emulator
        self._journal = journal
        self._snapshots = snapshots
        self._latency = latency_ms / 1000
        self._pages = show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"].startswith(f"{CONSOLE_PREFIX}/"):
            await self._show(scope, send)
            return
        if scope["type"] != "http" or scope["path"] == HEALTH_PATH:
            await self._emulator(scope, receive, send)
            return
        scope = _over_tls(addresses.with_api_in_path(scope))
        passing = PassingCall(scope, receive, send)
        passing.ended = self._once(passing, datetime.now(UTC))
        addresses.enter_account_of_api(scope)
        try:
            if not exchange.by_root(scope):
                await asyncio.sleep(self._latency)
            await self._emulator(scope, passing.receive, passing.send)
        finally:
            passing.ended()

    async def _show(self, scope: Scope, send: Send) -> None:
        headers = exchange.text_headers(scope["headers"])
        asked = PageRequest(scope["method"], scope["raw_path"].decode(), headers.get("host", ""))
        answer = await asyncio.to_thread(answer_page, asked, scope["server"][1], self._pages)
        pairs = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        size = (b"Content-Length", str(len(answer.body)).encode())
        start = {"type": "http.response.start", "status": answer.status, "headers": [*pairs, size]}
        await send(start)
        body = b"" if asked.method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    def _once(self, passing: PassingCall, started: datetime) -> Callable[[], None]:
        """Return what writes the call to the journal: before its answer ends, and only once.

        Whoever has the whole answer then finds the call in the journal.
        """
        clock, written = time.perf_counter(), False

        def write() -> None:
            nonlocal written
            if not written:
                written = True
                entry = passing.entry(started, (time.perf_counter() - clock) * 1000)
                self._journal.write(entry)
                self._snapshots.note(entry.operation)

        return write

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        writing = asyncio.create_task(self._snapshots.run())
        try:
            await self._emulator(scope, receive, send)
        finally:
            writing.cancel()


def _over_tls(scope: Scope) -> Scope:
    """Return the request as AWS's own front end passes it on: the caller came over TLS.

    Policies test `aws:SecureTransport`. A client that says otherwise is believed.
    """
    if any(name == b"x-forwarded-proto" for name, _ in scope["headers"]):
        return scope
    return scope | {"headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
