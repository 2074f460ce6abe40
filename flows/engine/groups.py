"""Groups of Prefect's timeline: what a phase does for a service stands within one bar.

Prefect's page draws a task run within the task run by which it was called, and opens the outer one
at a click. A group is such an outer task run. It begins with the first thing that is shown in it:
a phase that only looks has none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.exceptions import ExternalSignal
from prefect.states import Cancelled, Completed, Failed
from prefect.utilities.annotations import quote

from tiercel.domain.base.errors import SupersededError, TiercelError, WaitingError

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Bar:
    """The task run of a group, and in which other group it is."""

    def __init__(self, name: str, outer: _Bar | None) -> None:
        self._name = name
        self._outer = outer
        self._run: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[TaskRunContext | None] = asyncio.Future()
        self._end: asyncio.Future[State[Any]] = asyncio.Future()

    async def begin(self) -> TaskRunContext | None:
        """Have it shown, if it is not yet; return the context of what belongs into it."""
        if self._run is None:
            self._run = asyncio.create_task(self._show())
        either: set[asyncio.Future[Any]] = {self._begun, self._run}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        _hand_on_signal(self._run)
        return self._begun.result() if self._begun.done() else None

    async def end(self, state: State[Any]) -> None:
        """Let it be over, if it was ever begun."""
        self._end.set_result(state)
        if self._run:
            await asyncio.wait({self._run})
            _hand_on_signal(self._run)

    async def _show(self) -> None:
        within = await self._outer.begin() if self._outer else None
        with within.model_copy() if within else nullcontext():
            run: Callable[..., Awaitable[Any]] = _group()
            await run(quote(self._name), quote(self))

    async def stay(self) -> State[Any]:
        """Be the body of the task run: it is there until the group is over.

        At SIGTERM asyncio cancels it beside what it shows, and the future that it would await.
        """
        self._begun.set_result(TaskRunContext.get())
        try:
            return await asyncio.shield(self._end)
        except asyncio.CancelledError:
            return Cancelled()


def _hand_on_signal(run: asyncio.Task[None]) -> None:
    """Raise what the process was told while a bar was at work: it is meant for the whole run.

    Else nothing is said: a bar that cannot be shown is no failure of what it shows.
    """
    error = run.exception() if run.done() and not run.cancelled() else None
    if isinstance(error, ExternalSignal):
        raise error


_BAR: ContextVar[_Bar | None] = ContextVar("bar", default=None)


@asynccontextmanager
async def in_group(phase: str, about: str = "", *, at_once: bool = False) -> AsyncIterator[None]:
    """Show what runs within as one bar `PHASE ABOUT`, which opens to the bars that it consists of.

    `about` is a service or a stack. `at_once` begins the bar also if nothing is shown in it.
    Groups may be within groups. Prefect's timeline draws ASCII alone.
    """
    bar = _Bar(f"{phase} {about}".strip(), _BAR.get())
    token = _BAR.set(bar)
    try:
        if at_once:
            await bar.begin()
        yield
    except BaseException as error:
        await bar.end(_state_of(error))
        raise
    else:
        await bar.end(Completed())
    finally:
        _BAR.reset(token)


async def in_its_group(work: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return work that is shown, and is so within the group that is under way."""
    bar = _BAR.get()
    within = await bar.begin() if bar else None
    if within is None:
        return work

    def within_it(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with within.model_copy():  # one for each: a context is entered once
            return work(*args, **kwargs)

    return within_it


def _state_of(error: BaseException) -> State[Any]:
    """Return how a group ends. What failed in it has told so itself, and the run will."""
    if isinstance(error, WaitingError | SupersededError):  # as its run ends
        return Completed(message=error.what)
    if isinstance(error, TiercelError):
        return Failed(message=error.what)
    if isinstance(error, Exception):
        return Failed(message=type(error).__name__)
    return Cancelled()


@cache
def _group() -> Task[[str, _Bar], Any]:
    """Return the task of Prefect that every group is."""
    return task(name="group", task_run_name="{name}", cache_policy=NO_CACHE)(_shown)


async def _shown(name: str, bar: _Bar) -> State[Any]:  # noqa: ARG001 - the run is called so
    return await bar.stay()
