from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest
from prefect.exceptions import TerminationSignal

from tests.support.drills import begun, plan, seen, step
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.record import Phase
from tiercel.domain.organization.topology import Topology
from tiercel.flows.drill.ahead import Ahead, ahead
from tiercel.flows.drill.rebuild import begin_all
from tiercel.flows.drill.under_way import Drill
from tiercel.flows.release.preparation import ReleaseTarget


class Work:
    """Notes what is done, and stands still until it is let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.let_go = asyncio.Event()

    async def __call__(self, stack: str) -> str:
        self.begun.append(stack)
        if stack == "broken":
            raise LookupError(stack)
        await self.let_go.wait()
        self.ended.append(stack)
        return stack.upper()


def test_work_is_under_way_before_anybody_asks_and_is_done_once() -> None:
    async def go() -> None:
        work = Work()
        async with ahead(work) as begun:
            begun.begin("store")
            begun.begin("store")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert work.begun == ["store"]
            work.let_go.set()
            assert [await begun.of("store"), await begun.of("desk")] == ["STORE", "DESK"]
        assert work.begun == ["store", "desk"]

    asyncio.run(go())


def test_what_fails_is_raised_to_whoever_asks_and_to_nobody_else() -> None:
    async def go() -> None:
        work = Work()
        async with ahead(work) as begun:
            begun.begin("broken")
            begun.begin("store")
            with pytest.raises(LookupError):
                await begun.of("broken")
        assert work.ended == [], "what nobody needs any more is not waited for"

    asyncio.run(go())


def test_only_a_few_are_under_way_at_the_same_time() -> None:
    async def go() -> None:
        work = Work()
        async with ahead(work) as begun:
            for number in range(20):
                begun.begin(str(number))
            for _ in range(5):
                await asyncio.sleep(0)
            assert work.begun == ["0", "1", "2", "3"]
            work.let_go.set()
            assert await begun.of("19") == "19"

    asyncio.run(go())


def test_a_signal_that_meets_work_for_which_nobody_asks_yet_ends_the_run() -> None:
    cancelled: list[str] = []

    async def work(_: str) -> str:
        raise TerminationSignal(signal.SIGTERM)

    async def go() -> None:
        async with ahead(work) as begun:
            begun.begin("store")
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:
                cancelled.append("what the run waits for")
                raise

    with pytest.raises(TerminationSignal):
        asyncio.run(go())
    assert cancelled


class Named(Ahead[Any]):
    """Notes which stacks are begun, and does nothing."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def begin(self, stack: str) -> None:
        self.names.append(stack.removeprefix("acme-preprod-"))


def test_only_what_comes_back_is_made_ready_and_nothing_before_a_stack_is_gone(
    topology: Topology,
) -> None:
    services = ("gone", "going", "refused", "stays", "waiting", "rebuilt")
    names = {one: f"acme-preprod-{one}" for one in services}
    failure = RefusedInputError("drill.newer_than_plan", "it stays").failure
    drill = Drill(ReleaseTarget.of(topology, "preprod"), begun(plan(*map(seen, services))))
    drill.going.update((names["going"], names["refused"]))
    ready = Named()

    begin_all(drill, ready)
    assert ready.names == []

    ended = [step(Phase.DELETE, names[one]) for one in ("gone", "rebuilt")]
    ended += [step(Phase.DELETE, names[one], failure=failure) for one in ("refused", "stays")]
    ended.append(step(Phase.REBUILD, names["rebuilt"]))
    drill.steps.update({(one.phase, one.stack): one for one in ended})
    begin_all(drill, ready)
    assert sorted(ready.names) == ["going", "gone"]
