"""Work along a graph of stacks: each as soon as those before it are done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.drill.deletion import Graph, rebuild_waves
from tiercel.flows.engine.concurrency import ended

_T = TypeVar("_T")


async def along(
    graph: Graph, work: Callable[[str], Awaitable[_T]]
) -> tuple[dict[str, _T], list[TiercelError]]:
    """Await the work on each stack; return the results by stack, and what failed.

    A stack is not begun if one that comes before it failed; all others come to their end.
    """
    running: dict[str, asyncio.Task[_T | None]] = {}

    async def run(name: str) -> _T | None:
        before = await asyncio.gather(
            *(running[one] for one in graph[name]), return_exceptions=True
        )
        if any(one is None or isinstance(one, BaseException) for one in before):
            return None
        return await work(name)

    for wave in rebuild_waves(graph):
        for name in wave:
            running[name] = asyncio.create_task(run(name), name=name)
    results = await ended(running.values())
    done: dict[str, _T] = {}
    failed: list[TiercelError] = []
    for name, result in zip(running, results, strict=True):
        if isinstance(result, TiercelError):
            failed.append(result)
        elif isinstance(result, BaseException):
            raise result
        elif result is not None:
            done[name] = result
    return done, failed
