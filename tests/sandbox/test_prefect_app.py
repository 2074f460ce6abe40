"""The sandbox's Prefect repeats what a locked database refused, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox.prefect_app import patient


class LockedError(Exception):
    pass


@dataclass
class Server:
    """Answers with one status after the other, with the last one for ever."""

    statuses: tuple[int, ...]
    bodies: list[bytes] = field(default_factory=list)

    def post(self, body: bytes) -> httpx.Response:
        app = Starlette(
            routes=[Route("/runs", self._answer, methods=["POST"])],
            exception_handlers={Exception: self._is_locked},
        )

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(patient(app), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://prefect") as client:
                return await client.post("/runs", content=body)

        return asyncio.run(ask())

    async def _answer(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        status = self.statuses[min(len(self.bodies), len(self.statuses)) - 1]
        if status == 503:
            raise LockedError
        return PlainTextResponse(f"answer {len(self.bodies)}", status)

    async def _is_locked(self, _: Request, error: Exception) -> Response:
        return PlainTextResponse(type(error).__name__, 503)


def test_a_request_that_meets_a_locked_database_is_asked_again_with_its_body() -> None:
    server = Server((503, 503, 201))

    answer = server.post(b"a run")

    assert (answer.status_code, answer.text) == (201, "answer 3")
    assert server.bodies == [b"a run"] * 3


@pytest.mark.parametrize("status", [200, 409, 500])
def test_every_other_answer_is_passed_on_at_once(status: int) -> None:
    server = Server((status,))

    assert server.post(b"a run").status_code == status
    assert len(server.bodies) == 1


def test_a_database_that_stays_locked_is_told_to_the_client() -> None:
    server = Server((503,))

    answer = server.post(b"a run")

    assert (answer.status_code, answer.text) == (503, "LockedError")
    assert len(server.bodies) == 6
