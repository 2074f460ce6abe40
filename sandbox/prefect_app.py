"""Prefect's server as the sandbox runs it: what a locked database refuses is asked again here.

SQLite refuses a transaction that reads before it writes if somebody else wrote in between. Prefect
then answers 503, and its clients wait at least two seconds before they try again: a delay that
every other flow run met. The refused transaction changed nothing, so it can be repeated at once.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from prefect.server.api import server
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds before each repetition; after the last one the client is told to wait."""


def create_app() -> ASGIApp:
    """Return Prefect's application for `uvicorn --factory`."""
    return patient(server.create_app(final=True))


def patient(app: ASGIApp) -> ASGIApp:
    """Return an application that repeats requests which `app` answers with 503."""

    async def repeating(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        body = await _body(receive)
        for pause in _PAUSES:
            if await _answers(app, dict(scope), _again(body, receive), send):
                return
            await asyncio.sleep(pause)
        await app(scope, _again(body, receive), send)

    return repeating


async def _answers(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> bool:
    """Pass the answer on and return True, or drop one that says 503 and return False."""
    is_unavailable = False

    async def pass_on(message: Message) -> None:
        nonlocal is_unavailable
        is_unavailable |= message.get("status") == HTTPStatus.SERVICE_UNAVAILABLE
        if not is_unavailable:
            await send(message)

    try:
        await app(scope, receive, pass_on)
    except Exception:
        if not is_unavailable:  # Prefect raises again what it has answered with 503
            raise
    return not is_unavailable


async def _body(receive: Receive) -> list[Message]:
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def _again(body: list[Message], receive: Receive) -> Receive:
    """Return what gives a request that was read already, and then what comes after it."""
    left = iter(body)

    async def replay() -> Message:
        return next(left, None) or await receive()

    return replay
