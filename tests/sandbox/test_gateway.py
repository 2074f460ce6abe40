from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVarTuple

import pytest

from tiercel.sandbox.aws.gateway import PassingCall

GO = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 terraform-provider-aws/5.100.0 aws-sdk-go-v2/1.36.3 "
    "ua/2.1 os/linux lang/go#1.23.10"
)
PYTHON = "Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux lang/python#3.11.7"


Ts = TypeVarTuple("Ts")


class UnwaitingLoop(asyncio.SelectorEventLoop):
    """Notes how long anybody wanted to wait, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self.waits.append(delay)
        return super().call_later(0, callback, *args, context=context)


@pytest.mark.parametrize(
    ("agent", "body", "waits"),
    [
        (GO, b"Action=CreatePolicy", True),
        (GO, b"", False),
        (PYTHON, b"Action=CreatePolicy", False),
    ],
)
def test_an_answer_gives_gos_client_time_to_note_that_it_sent_a_body(
    agent: str, body: bytes, waits: bool
) -> None:
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    async def answer() -> None:
        scope = {"type": "http", "method": "POST", "headers": [(b"User-Agent", agent.encode())]}
        passing = PassingCall(scope, receive, send)
        await passing.receive()
        await passing.send({"type": "http.response.start", "status": 200})
        await passing.send({"type": "http.response.body", "body": b"<done/>"})

    with asyncio.Runner(loop_factory=UnwaitingLoop) as runner:
        runner.run(answer())
        loop = runner.get_loop()
    assert sent == ["http.response.start", "http.response.body"]
    assert isinstance(loop, UnwaitingLoop)
    assert bool(loop.waits) is waits
