from __future__ import annotations

import asyncio

import pytest

from tiercel.flows.drill.ahead import ahead


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
