"""The ASGI application in front of the emulator: addresses, latency and the journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from ministack.core import router

from sandbox import addresses, calls
from sandbox.addresses import Scope
from sandbox.emulated_aws import HEALTH_PATH
from sandbox.journal import JournalEntry, JournalWriter

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_BODY_LIMIT = 1024 * 1024
_RESPONSE_BODY_LIMIT = 64 * 1024


class Exchange:
    """Watches one request and its answer pass; bytes are passed on as they come.

    Bodies are only looked at where they name the operation or the error: requests up to
    1 MiB outside S3, and answers that are errors.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._request_body: list[bytes] = []
        self._request_size = 0
        self._response_body = b""
        self.status = 0
        self.response_headers: dict[str, str] = {}

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
        """Pass on a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.response_headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in message.get("headers", ())
            }
        elif self.status >= 400 and len(self._response_body) < _RESPONSE_BODY_LIMIT:
            self._response_body += message.get("body", b"")
        await self._send(message)

    def entry(self, started: datetime, duration_ms: float) -> JournalEntry:
        """Return what happened."""
        request = calls.parse_request(self.scope, b"".join(self._request_body))
        caller = calls.caller_of(request)
        target = calls.target_of(self.scope, request, caller)
        headers = self.response_headers
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
            region=router.extract_region(dict(request.headers), dict(request.query)),
            status=self.status,
            error_code=calls.error_code(request.method, self.status, headers, self._response_body),
            request_id=headers.get("x-amzn-requestid") or headers.get("apigw-requestid", ""),
        )


class Gateway:
    """Serves every call through the emulator and writes it to the journal."""

    def __init__(self, emulator: Application, journal: JournalWriter, latency_ms: int) -> None:
        self._emulator = emulator
        self._journal = journal
        self._latency = latency_ms / 1000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request, or the server's start and stop."""
        if scope["type"] != "http" or scope["path"] == HEALTH_PATH:
            await self._emulator(scope, receive, send)
            return
        scope = _over_tls(addresses.with_api_in_path(scope))
        exchange = Exchange(scope, receive, send)
        started, clock = datetime.now(UTC), time.perf_counter()
        addresses.enter_account_of_api(scope)
        try:
            await asyncio.sleep(self._latency)
            await self._emulator(scope, exchange.receive, exchange.send)
        finally:
            duration_ms = (time.perf_counter() - clock) * 1000
            self._journal.write(exchange.entry(started, duration_ms))


def _over_tls(scope: Scope) -> Scope:
    """Return the request as AWS's own front end passes it on: the caller came over TLS.

    Policies test `aws:SecureTransport`. A client that says otherwise is believed.
    """
    if any(name == b"x-forwarded-proto" for name, _ in scope["headers"]):
        return scope
    return scope | {"headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
