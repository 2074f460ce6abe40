"""What every task has in common: where retries come from and where it logs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import MissingContextError

from tiercel.domain.base.errors import TiercelError
from tiercel.tasks.engine.pace import PacedDelays
from tiercel.tasks.engine.retry_budget import may_retry

P = ParamSpec("P")
R = TypeVar("R")

_DELAYS_SECONDS = (1, 2, 4, 8)


def world_task(name: str, run_name: str = "") -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a Prefect task that is tried again after a transient failure.

    `run_name` may name parameters in braces. Up to 4 retries, after about 1, 2, 4 and
    8 seconds, as long as the run's budget lasts. Nothing is cached: AWS and the ledger
    are the truth, not Prefect.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return task(
            name=name,
            task_run_name=run_name or name,
            description=(function.__doc__ or "").strip(),
            cache_policy=NO_CACHE,
            retries=len(_DELAYS_SECONDS),
            retry_delay_seconds=PacedDelays(_DELAYS_SECONDS),
            retry_jitter_factor=0.5,
            retry_condition_fn=_is_transient,
        )(function)

    return decorate


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    if not (isinstance(error, TiercelError) and error.transient):
        return False
    if may_retry():
        return True
    run_logger().warning("the run has used up its retries: %s", error.what)
    return False


def run_logger() -> logging.Logger | logging.LoggerAdapter[logging.Logger]:
    """Return the run's logger, or a plain one when a task function is called by itself."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("tiercel")
