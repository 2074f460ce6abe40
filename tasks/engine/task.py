"""What every task has in common: where retries come from and where it logs.

Prefect takes a second of processor time to import. A command that only reads calls functions
by `fn` and has no use for it, so a function becomes Prefect's task when a run calls it.

A run shows what it changes and what it waits for. It looks four times as often as that, in
milliseconds each: a bar for every look would hide the rest, and cost more than the look.
"""

from __future__ import annotations

import inspect
import logging
import random
import sys
from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from tiercel.domain.base.errors import TiercelError
from tiercel.tasks.engine.pace import PacedDelays, pause
from tiercel.tasks.engine.retry_budget import may_retry, tries_once

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

_P = ParamSpec("_P")
_R = TypeVar("_R")

_DELAYS_SECONDS = (1, 2, 4, 8)
_JITTER = 0.5
_LOOKS = frozenset(
    {"ask", "assume", "compare", "explain", "find", "identify", "list", "look", "observe"}
    | {"preview", "read", "report", "tell", "who"}
)
"""How tasks are called that change nothing, or only tell others how far a run is."""


class WorldTask(Generic[_P, _R]):
    """A function that reaches the world; called in a run, it is tried again and may be shown.

    `fn` is the function itself: no run, no retries. `shown` tells whether Prefect records it.
    """

    def __init__(
        self, function: Callable[_P, _R], name: str, run_name: str, *, shown: bool
    ) -> None:
        """Import nothing yet."""
        update_wrapper(self, function)
        self.fn = function
        self.name = name
        self.shown = shown
        self._run_name = run_name

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run the task in the flow run that is under way, and return its result.

        What is shown is a task of Prefect. Either is tried again alike.
        """
        return (self._recorded if self.shown else self._unseen)(*args, **kwargs)

    def _unseen(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        for delay in _DELAYS_SECONDS:
            try:
                return self.fn(*args, **kwargs)
            except TiercelError as error:
                if not _worth_another_try(error):
                    raise
                called = self._called(*args, **kwargs)
                run_logger().warning("%s is tried again: %s", called, error.what)
            pause(delay * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311 - spreads tries
        return self.fn(*args, **kwargs)

    def _called(self, *args: _P.args, **kwargs: _P.kwargs) -> str:
        """Return what Prefect would call a run with these arguments."""
        given = inspect.signature(self.fn).bind(*args, **kwargs)
        given.apply_defaults()
        return self._run_name.format(**given.arguments)

    def _recorded(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run it as a task of Prefect.

        Prefect looks into arguments, however deep they are, for results of other tasks that are
        to be awaited. None of ours has any, and a plan or a manifest takes longer to go through
        than all else that Prefect does for a task: `quote` keeps it out.
        """
        from prefect.utilities.annotations import quote  # noqa: PLC0415 - see the module

        run: Callable[..., _R] = self.task
        return run(*map(quote, args), **{name: quote(one) for name, one in kwargs.items()})

    @cached_property
    def task(self) -> Task[_P, _R]:
        """The task of Prefect that this is."""
        from prefect import task  # noqa: PLC0415 - see the module
        from prefect.cache_policies import NO_CACHE  # noqa: PLC0415

        return task(
            name=self.name,
            task_run_name=self._run_name,
            description=(self.fn.__doc__ or "").strip(),
            cache_policy=NO_CACHE,
            retries=len(_DELAYS_SECONDS),
            retry_delay_seconds=PacedDelays(_DELAYS_SECONDS),
            retry_jitter_factor=_JITTER,
            retry_condition_fn=_is_transient,
        )(self.fn)


def world_task(
    name: str, run_name: str = "", *, shown: bool | None = None
) -> Callable[[Callable[_P, _R]], WorldTask[_P, _R]]:
    """Make a function a task that is tried again after a transient failure.

    `run_name` may name parameters in braces. Up to 4 retries, after about 1, 2, 4 and
    8 seconds, as long as the run's budget lasts. Nothing is cached: AWS and the ledger
    are the truth, not Prefect. Whether Prefect shows it follows from the first word of
    `name`: not if that is a look; `shown` says otherwise.
    """
    visible = name.partition(" ")[0] not in _LOOKS if shown is None else shown

    def decorate(function: Callable[_P, _R]) -> WorldTask[_P, _R]:
        return WorldTask(function, name, run_name or name, shown=visible)

    return decorate


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, TiercelError) and _worth_another_try(error)


def _worth_another_try(error: TiercelError) -> bool:
    if tries_once() or not error.transient:
        return False
    if may_retry():
        return True
    run_logger().warning("the run has used up its retries: %s", error.what)
    return False


def run_logger() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    """Return the run's logger, or a plain one when a task function is called by itself."""
    plain = logging.getLogger("tiercel")
    if "prefect" not in sys.modules:
        return plain  # there is no run without it
    from prefect import get_run_logger  # noqa: PLC0415
    from prefect.exceptions import MissingContextError  # noqa: PLC0415

    try:
        return get_run_logger()
    except MissingContextError:
        return plain


def in_task_run() -> bool:
    """Tell whether this is called in a task of a run, and not by `fn`."""
    if "prefect" not in sys.modules:
        return False
    from prefect.context import TaskRunContext  # noqa: PLC0415

    return TaskRunContext.get() is not None
