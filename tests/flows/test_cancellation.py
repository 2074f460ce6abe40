from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from tests.support.codes import because
from tiercel.domain.base.errors import InterruptedRunError
from tiercel.flows.engine.concurrency import call
from tiercel.tasks.engine.pace import pause, stoppable
from tiercel.tasks.engine.task import world_task

LONG_SECONDS = 60.0


def test_a_cancelled_run_does_not_wait_for_the_end_of_a_pause() -> None:
    waiting = world_task("look at the clock")(pause)

    async def cancelled() -> None:
        running = asyncio.create_task(call(waiting, LONG_SECONDS))
        await asyncio.sleep(0.1)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    began = time.monotonic()
    asyncio.run(cancelled())  # it ends only when the thread has ended

    assert time.monotonic() - began < LONG_SECONDS / 2


def test_a_pause_of_a_cancelled_run_says_what_to_do() -> None:
    with stoppable() as stop:
        stop.set()
        with pytest.raises(InterruptedRunError, check=because("run.cancelled")) as interrupted:
            pause(LONG_SECONDS)
    assert interrupted.value.remedy


def test_outside_of_a_run_a_pause_is_a_sleep() -> None:
    pause(0.01)
