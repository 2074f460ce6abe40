"""Work on stacks that is begun before its result is asked for, while others are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from tiercel.flows.engine.concurrency import ended, signal_ends

_T = TypeVar("_T")

_AT_ONCE = 4
"""What others wait for comes first: this is not to keep them from their turn."""


class Ahead(Generic[_T]):
    """The same work on stacks, each at most once, a few at the same time."""

    def __init__(self, work: Callable[[str], Awaitable[_T]]) -> None:
        """Begin nothing yet. The task that makes it is ended by a signal that meets the work."""
        self._work = work
        whole = asyncio.current_task()
        self._whole = [whole] if whole else []
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._begun: dict[str, asyncio.Task[_T]] = {}

    def begin(self, stack: str) -> None:
        """Begin the work on a stack, unless it has begun."""
        if stack not in self._begun:
            self._begun[stack] = asyncio.create_task(self._done(stack), name=stack)
            # Nobody may ask for it for long; `end` raises it.
            signal_ends(self._begun[stack], self._whole)

    async def of(self, stack: str) -> _T:
        """Return the result of a stack; raises what its work raises."""
        self.begin(stack)
        return await self._begun[stack]

    async def end(self) -> None:
        """Leave nothing running; what nobody asked for is forgotten, failures too."""
        for one in self._begun.values():
            one.cancel()
        await ended(self._begun.values())

    async def _done(self, stack: str) -> _T:
        async with self._gate:
            return await self._work(stack)


@asynccontextmanager
async def ahead(work: Callable[[str], Awaitable[_T]]) -> AsyncIterator[Ahead[_T]]:
    """Give work that is ended, whatever happens, when it is not needed any more."""
    begun = Ahead(work)
    try:
        yield begun
    finally:
        await begun.end()
