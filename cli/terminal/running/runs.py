"""Runs a flow in this process and shows what it says while it runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tiercel.cli.terminal.failures import interrupted, lost_server
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.run_lines import RunLines
from tiercel.cli.terminal.running.streams import deaf_to_hangups, told_to_end_as_by_a_person
from tiercel.domain.base.errors import TiercelError, UnreachableError
from tiercel.tasks.engine.garbage import then_work

_R = TypeVar("_R")

_RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


@dataclass(frozen=True)
class Finished(Generic[_R]):
    """A flow's result, the id of its run and how long it took in seconds."""

    result: _R
    run_id: str
    seconds: float


class _Lines(logging.Handler):
    """Hands a run's log lines to the terminal; Prefect has its own copy of them."""

    def __init__(self, lines: RunLines, started: float) -> None:
        super().__init__(level=logging.INFO)
        self._lines = lines
        self._started = started

    def emit(self, record: logging.LogRecord) -> None:
        """Show what flows and tasks say."""
        seconds = time.monotonic() - self._started
        self._lines.say(seconds, record.getMessage(), record.levelno)


def run_flow(
    flow: Callable[..., Coroutine[Any, Any, _R]], output: Output, **parameters: str | int | bool
) -> Finished[_R]:
    """Run a flow to its end in this process and return its result.

    Raises the TiercelError with which the flow failed. Whoever closes the terminal meanwhile
    ends nothing.
    """
    from prefect.exceptions import ExternalSignal

    started = time.monotonic()
    then_work()
    try:
        with (
            deaf_to_hangups(),
            told_to_end_as_by_a_person(),
            RunLines(output) as lines,
            _shown(_Lines(lines, started)),
            _server_kept(),
        ):
            state: Any = asyncio.run(flow(**parameters, return_state=True))
            outcome = asyncio.run(_outcome(state))
    except (KeyboardInterrupt, ExternalSignal):  # Ctrl-C, or SIGTERM
        raise interrupted() from None
    if isinstance(outcome, TiercelError):
        # The chain of exceptions behind it is for the log in Prefect, not for a person.
        raise outcome from None
    if isinstance(outcome, BaseException):
        raise outcome
    return Finished(outcome, str(state.state_details.flow_run_id), time.monotonic() - started)


@contextmanager
def _server_kept() -> Iterator[None]:
    """Tell a Prefect server that goes away meanwhile from how the run ended, if it did."""
    from prefect.settings import get_current_settings

    from tiercel.deployments.server import told_as_unreachable

    try:
        with told_as_unreachable(str(get_current_settings().api.url or "this process")):
            yield
    except UnreachableError as error:
        raise lost_server(error) from error


async def _outcome(state: Any) -> Any:
    """Return what a run ended with, once Prefect's server has all of its log."""
    from prefect.logging.handlers import APILogHandler

    await APILogHandler.aflush()
    return await state.aresult(raise_on_failure=False)


@contextmanager
def _shown(handler: logging.Handler) -> Iterator[None]:
    """Show what runs say through the handler, in place of Prefect's console."""
    from prefect.logging.handlers import PrefectConsoleHandler

    root = logging.getLogger()
    consoles = [known for known in root.handlers if isinstance(known, PrefectConsoleHandler)]
    loggers = [logging.getLogger(name) for name in _RUN_LOGGERS]
    for console in consoles:
        root.removeHandler(console)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        for console in consoles:
            root.addHandler(console)
