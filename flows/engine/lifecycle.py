"""What all flows of the lifecycle have in common: their names, their log, their failures."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow, flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.context import SyncClientContext
from prefect.settings import get_current_settings
from prefect.states import Completed

from tiercel.domain.base.errors import WAITING_STATE, TiercelError, WaitingError
from tiercel.domain.base.log_text import log_text
from tiercel.domain.base.text import printable
from tiercel.domain.review.statuses import OUTDATED_STATE, REJECTED_STATE
from tiercel.flows.engine.artifacts import pages_of_a_run, report_failure
from tiercel.flows.engine.naming import flow_run_name, tag_failed_run
from tiercel.tasks.engine.retry_budget import retry_budget

_P = ParamSpec("_P")
_R = TypeVar("_R")

_RESULTS = get_current_settings().results.local_storage_path
"""Where results would lie. Prefect would ask its server for the place, twice in each run."""
_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
_NOISE = (
    "Finished in state Completed(",
    "Finished in state Failed(",
    "Finished in state Cancelled(",
    f"Finished in state {REJECTED_STATE}(",
    f"Finished in state {OUTDATED_STATE}(",
    "Task run failed with state: ",  # a group, of what failed in it
)
_LONGEST_VALUE = 4_000


def lifecycle_flow(
    name: str, action: str, environment: str = ""
) -> Callable[[Callable[_P, Coroutine[Any, Any, _R]]], Flow[_P, Coroutine[Any, Any, _R]]]:
    """Make a function a flow whose runs explain themselves in the Prefect UI.

    Runs are named `ACTION ENVIRONMENT repository@commit`; one that has a parameter
    `environment` and no repository is named `ACTION ENVIRONMENT`. A TiercelError becomes
    an artifact that says what to do, and stands in the log without a stack trace. A WaitingError
    is no failure: the run is completed, and its state is called so.
    """

    def decorate(
        function: Callable[_P, Coroutine[Any, Any, _R]],
    ) -> Flow[_P, Coroutine[Any, Any, _R]]:
        @wraps(function)
        async def explained(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            _keep_log_readable()
            with pages_of_a_run():
                try:
                    # Tasks find this client. Each would make its own, which reads all certificates:
                    # 30 ms of processor time a task, six times what the task itself costs.
                    with SyncClientContext.get_or_create(), retry_budget():
                        return await function(*args, **kwargs)
                except WaitingError as waiting:
                    await tag_failed_run(environment)
                    await report_failure(name, waiting)
                    return cast("_R", _waiting(waiting))
                except TiercelError as error:
                    await tag_failed_run(environment)
                    await report_failure(name, error)
                    raise

        # Prefect would look the annotations' names up in this module, not in the function's.
        vars(explained)["__signature__"] = inspect.signature(function, eval_str=True)
        return flow(
            name=name,
            flow_run_name=flow_run_name(action, environment),
            persist_result=False,
            result_storage=_RESULTS,
        )(explained)

    return decorate


def _waiting(error: WaitingError) -> State[WaitingError]:
    """Return the state of a run that has done what it can; whoever follows it gets the error."""
    get_run_logger().info("%s: %s", error.what, error.remedy)
    return Completed(name=WAITING_STATE, message=error.what, data=error)


def _keep_log_readable() -> None:
    """Filter what this run logs, until all that runs in the same asyncio task has ended.

    That is later than the flow itself: Prefect's last lines tell how it ended.
    """

    def of_this_run(record: logging.LogRecord) -> bool:
        return _readable(record)

    def forget(_: asyncio.Task[Any]) -> None:
        for logger in _LOGGERS:
            logging.getLogger(logger).removeFilter(of_this_run)

    task = asyncio.current_task()
    if task:
        task.add_done_callback(forget)
        for logger in _LOGGERS:
            logging.getLogger(logger).addFilter(of_this_run)


def _readable(record: logging.LogRecord) -> bool:
    """Drop the ends of tasks, which the timeline shows, and traces of failures we explain.

    Prefect logs an exception before it says that the task has failed. What repositories and
    AWS say is made harmless here, for every line alike: a text that is told in a line stays in
    it. To apply it twice, as two runs in one process do, changes nothing.
    """
    if record.getMessage().startswith(_NOISE):
        return False
    if record.exc_info and isinstance(record.exc_info[1], TiercelError):
        record.msg, record.args, record.exc_info = str(record.exc_info[1]), (), None
    if isinstance(record.args, tuple):
        record.args = tuple(
            printable(value, _LONGEST_VALUE) if isinstance(value, str) else value
            for value in record.args
        )
    record.msg, record.args = log_text(record.getMessage()), ()
    return True
