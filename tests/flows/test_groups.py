"""Prefect's timeline: what a phase does for a service stands within one bar."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from prefect.exceptions import TerminationSignal

from tests.support.prefect_server import task_runs_heard
from tiercel.domain.base.errors import SupersededError, TiercelError, WaitingError
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.engine.groups import in_group
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.tasks.engine.task import world_task

pytestmark = pytest.mark.usefixtures("prefect_server")


@world_task("plan", "plan {service}")
def plan(service: str, error: TiercelError | None = None) -> str:
    """Plan."""
    if error:
        raise error
    return service


@world_task("read a thing")
def read() -> None:
    """Look."""


@dataclass(frozen=True)
class Shown:
    """What the timeline has: the group of each bar by its name, and how each bar ended."""

    groups: dict[str, str]
    ends: dict[str, str]


def shown(work: Callable[[], Awaitable[Any]]) -> Shown:
    """Run the work as a flow, whatever becomes of it, and return what it shows."""

    @lifecycle_flow("tried", "try")
    async def tried() -> None:
        await work()

    run: Any = tried
    with task_runs_heard() as events:
        asyncio.run(run(return_state=True))
    runs: dict[str, Any] = {one.resource.id: one for one in events if "task-run" in one.event}
    names = {key.rpartition(".")[2]: one.resource.name for key, one in runs.items()}
    groups = {}
    for event in runs.values():
        parents = event.payload["task_run"]["task_inputs"].get("__parents__", [])
        groups[event.resource.name] = "".join(names[one["id"]] for one in parents)
    ends = {one.resource.name: one.event.removeprefix("prefect.task-run.") for one in runs.values()}
    return Shown(groups, ends)


def test_what_is_called_in_a_group_stands_in_it_also_side_by_side() -> None:
    async def of(service: str) -> None:
        async with in_group("release", service):
            await asyncio.sleep(0)
            await call(plan, service)

    async def work() -> None:
        await all_done([of("orders"), of("catalog")])
        await call(plan, "alone")

    assert shown(work).groups == {
        "release orders": "",
        "plan orders": "release orders",
        "release catalog": "",
        "plan catalog": "release catalog",
        "plan alone": "",
    }


def test_a_group_in_which_nothing_is_shown_is_none_but_for_one_that_is_work_as_a_whole() -> None:
    @in_group("prepare")
    async def looked() -> None:
        await call(read)

    async def work() -> None:
        await looked()
        async with in_group("release", "orders"), in_group("stage", "orders", at_once=True):
            await call(read)

    assert shown(work).groups == {"release orders": "", "stage orders": "release orders"}


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (None, "Completed"),
        (TiercelError("test.reason", "refused"), "Failed"),
        (WaitingError("test.waits", "not yet"), "Completed"),
        (SupersededError("test.newer", "release 2 is newer"), "Completed"),
    ],
)
def test_a_group_ends_as_what_is_done_in_it(error: TiercelError | None, end: str) -> None:
    async def work() -> None:
        async with in_group("release", "orders"):
            await call(plan, "orders", error)

    assert shown(work).ends["release orders"] == end


@pytest.mark.parametrize("all_at_once", [False, True])
def test_a_group_of_a_cancelled_run_is_cancelled_and_tells_the_run_so(all_at_once: bool) -> None:
    cancelled: list[bool] = []

    async def work() -> None:
        planned = asyncio.Event()

        async def wait() -> None:
            async with in_group("release", "orders"):
                await call(plan, "orders")
                planned.set()
                await asyncio.Event().wait()

        before = asyncio.all_tasks()
        waiting = asyncio.create_task(wait())
        await planned.wait()
        # At SIGTERM asyncio cancels all that a run has, the bars too.
        for one in asyncio.all_tasks() - before if all_at_once else {waiting}:
            one.cancel()
        await asyncio.wait({waiting})
        cancelled.append(waiting.cancelled())

    assert shown(work).ends == {"plan orders": "Completed", "release orders": "Cancelled"}
    assert cancelled == [True]


@pytest.mark.parametrize("step", ["Executing task", "Finished in state"])
def test_a_signal_that_meets_a_bar_at_work_ends_the_run(step: str) -> None:
    ended: list[BaseException] = []
    logger = logging.getLogger("prefect.task_runs")

    def at_work(record: logging.LogRecord) -> bool:
        if record.getMessage().startswith(step):
            raise TerminationSignal(signal.SIGTERM)
        return True

    async def work() -> None:
        try:
            async with in_group("stage", "orders", at_once=True):
                await call(read)
        except TerminationSignal as error:
            ended.append(error)

    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addFilter(at_work)
    try:
        shown(work)
    finally:
        logger.removeFilter(at_work)
        logger.setLevel(level)
    assert len(ended) == 1
