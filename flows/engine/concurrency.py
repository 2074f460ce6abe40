"""How flows run tasks: in threads, side by side, dependencies first."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar, cast

from prefect.exceptions import ExternalSignal

from tiercel.domain.base.errors import NotStartedError, TiercelError, combined
from tiercel.domain.organization.services import Service, deployment_order
from tiercel.flows.engine.groups import in_its_group
from tiercel.tasks.engine.pace import stoppable
from tiercel.tasks.engine.task import WorldTask

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")

_AT_ONCE = 8
"""Uploads and copies of one service that run at the same time."""
_THREADS = 256
"""Waits for stacks take a thread each for minutes: asyncio's own pool has six on two cores."""
_LAST_SECONDS = 20.0
"""So long a cancelled run waits for the call that is under way."""


async def call(task: WorldTask[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Await a sync task in a thread, so that the loop stays alive and tasks run side by side.

    Flows put no tags on task runs: Prefect asks its server for a concurrency slot for
    every tagged task, which cost up to six seconds when four tasks began at once.
    """
    work = await in_its_group(task) if task.shown else task
    with stoppable() as stop:
        context = contextvars.copy_context()
        running = asyncio.get_running_loop().run_in_executor(
            _threads(), partial(context.run, work, *args, **kwargs)
        )
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            running.add_done_callback(_noticed)
            # Whoever is let in next must not meet a call that is still on its way.
            await asyncio.wait({running}, timeout=_LAST_SECONDS)
            raise


def _noticed(call: asyncio.Future[Any]) -> None:
    """Take what a cancelled run's last call raises: nobody else will, and asyncio says so."""
    if not call.cancelled():
        call.exception()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="task")


async def each(items: Iterable[_T], work: Callable[[_T], Awaitable[_R]]) -> list[_R]:
    """Await the work on each item, a few at the same time, and return the results in order.

    If one fails, the others are awaited first: none is left running unseen.
    """
    gate = asyncio.Semaphore(_AT_ONCE)

    async def guarded(item: _T) -> _R:
        async with gate:
            return await work(item)

    return await all_done([guarded(item) for item in items])


async def all_done(awaitables: Iterable[Awaitable[_R]]) -> list[_R]:
    """Await everything to its end, then raise what failed: all of it as one error."""
    results = await ended([asyncio.ensure_future(one) for one in awaitables])
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, TiercelError):
            raise failure
    if failures:
        raise combined([failure for failure in failures if isinstance(failure, TiercelError)])
    return [result for result in results if not isinstance(result, BaseException)]


async def ended(running: Collection[asyncio.Future[_R]]) -> list[_R | BaseException]:
    """Await everything to its end and return what became of each, failures too.

    SIGTERM that meets one of these cancels the others, and is raised.
    """
    for one in running:
        signal_ends(one, running)
    try:
        results = await asyncio.gather(*running, return_exceptions=True)
    except asyncio.CancelledError:
        # Cancelled by `signal_ends`, maybe: then it is the signal that the run ends with.
        _raise_signal(one.exception() for one in running if one.done() and not one.cancelled())
        raise
    _raise_signal(results)
    return results


def _raise_signal(results: Iterable[object]) -> None:
    for result in results:
        if isinstance(result, ExternalSignal):
            raise result


def signal_ends(one: asyncio.Future[Any], others: Collection[asyncio.Future[Any]]) -> None:
    """Cancel the others when SIGTERM meets this one.

    It is an exception wherever the main thread is just then, and meant for the whole run.
    """

    def hand_on(one: asyncio.Future[Any]) -> None:
        if not one.cancelled() and isinstance(one.exception(), ExternalSignal):
            for other in others:
                other.cancel()

    one.add_done_callback(hand_on)


async def both(one: Awaitable[_R], other: Awaitable[_T]) -> tuple[_R, _T]:
    """Await two things of different kinds at the same time, as `all_done` does."""
    first, second = await all_done(cast("list[Awaitable[Any]]", [one, other]))
    return first, second


async def in_dependency_order(
    services: Mapping[str, Service],
    action: Callable[[Service, dict[str, _T]], Awaitable[_T]],
) -> dict[str, _T]:
    """Run the action for each service as soon as those it depends on are done.

    The action gets the results of the services in `depends_on`. After a failure the
    services that wait for it are not started; all others come to their end first.
    """
    running: dict[str, asyncio.Task[_T]] = {}

    async def run(service: Service) -> _T:
        done = {name: running[name] for name in service.depends_on}
        await asyncio.gather(*done.values(), return_exceptions=True)
        broken = [name for name, task in done.items() if task.exception()]
        if broken:
            raise NotStartedError(
                "release.dependency_failed",
                f"{service.name} was not deployed, because {', '.join(broken)} failed",
                where=f"service {service.name}",
                state="its stack is as it was",
                remedy="see the other failure",
            )
        return await action(service, {name: task.result() for name, task in done.items()})

    for name in deployment_order(dict(services)):
        running[name] = asyncio.create_task(run(services[name]), name=name)
    results = await all_done(running.values())
    return dict(zip(running, results, strict=True))
