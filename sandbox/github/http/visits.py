"""One HTTP request on its way through, in ASGI's words."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tiercel.sandbox.github.http.api import Reply
from tiercel.sandbox.machine.asgi import Receive, Scope, Send

BODY_LIMIT = 32 * 1024 * 1024


def _new_identifier() -> str:
    return uuid.uuid4().hex.upper()


@dataclass
class Visit:
    """A request, what was read of it and what was answered."""

    scope: Scope
    receive: Receive
    send: Send
    identifier: str = field(default_factory=_new_identifier)
    body: bytes = b""
    reply: Reply = field(default_factory=lambda: Reply(0, {}, b""))

    @property
    def method(self) -> str:
        """The method, in capital letters."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path as the client sent it."""
        raw: bytes = self.scope["raw_path"]
        return raw.decode("ascii", "replace")

    @property
    def headers(self) -> dict[str, str]:
        """The headers, their names in small letters."""
        return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in self.scope["headers"]}

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; it ends early when the client goes away."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return
            yield message.get("body", b"")
            if not message.get("more_body"):
                return

    async def read(self) -> bytes:
        """Return the body; of one that is too large only so much that it is seen to be."""
        read: list[bytes] = []
        size = 0
        async for part in self.parts():
            if size <= BODY_LIMIT:
                read.append(part)
            size += len(part)
        return b"".join(read)

    async def answer(self, reply: Reply) -> None:
        """Send a whole answer."""
        headers = reply.headers | {"Content-Length": str(len(reply.body))}
        if reply.status in {204, 304}:
            del headers["Content-Length"]
        await self._start(reply.status, headers)
        body = b"" if self.method == "HEAD" else reply.body
        await self.send({"type": "http.response.body", "body": body})

    async def stream(
        self, status: int, headers: dict[str, str], body: AsyncIterator[bytes]
    ) -> None:
        """Send an answer whose body comes in parts."""
        await self._start(status, headers)
        async for part in body:
            await self.send({"type": "http.response.body", "body": part, "more_body": True})
        await self.send({"type": "http.response.body", "body": b""})

    async def abort(self) -> None:
        """Close the connection without an answer.

        ASGI has no word for it. uvicorn's `send` belongs to the object that has the transport.
        """
        transport = getattr(getattr(self.send, "__self__", None), "transport", None)
        if transport is None:
            raise RuntimeError("this server cannot close a connection without an answer")
        transport.abort()
        while (await self.receive())["type"] != "http.disconnect":
            continue

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": pairs})
