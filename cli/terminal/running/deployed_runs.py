"""Runs of deployments, started and followed from the terminal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import typer
from rich.markdown import Markdown

from tiercel.cli.terminal.failures import (
    crashed,
    left_alone,
    lost_report,
    lost_sight,
    nothing_started,
    unforeseen,
)
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.run_lines import RunLines
from tiercel.domain.base.errors import (
    WAITING_STATE,
    TiercelError,
    UnreachableError,
    error_from,
    run_cancelled,
)
from tiercel.domain.base.failure_document import KEY, failure_in

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

_ENDING_SECONDS = 1.0
_KEPT_LINES = 5_000


@dataclass
class Followed:
    """What is known of the run that was asked for, as far as the server has told it."""

    link: str = ""
    run_id: UUID | None = None
    ended: FlowRun | None = None
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """The first lines of its log, in which a verification names files and lines."""


Ask = Callable[["PrefectClient"], Awaitable["FlowRun | None"]]
"""Asks the server for the run that is to be followed, None if there is none."""


def run_deployment(output: Output, deployment: str, **parameters: Any) -> None:
    """Start a run of `FLOW/DEPLOYMENT`, follow it to its end and show what it reported.

    Raises the TiercelError with which the run failed. Ctrl-C ends the command, not the run.
    """

    async def ask(client: PrefectClient) -> FlowRun:
        from tiercel.deployments.runs import start_run

        return await start_run(client, deployment, parameters)

    followed = Followed()
    try:
        follow_to_its_end(output, deployment, ask, followed)
    except KeyboardInterrupt:
        raise left_alone(followed.run_id) if followed.run_id else nothing_started() from None
    show_followed(output, followed)


def follow_to_its_end(
    output: Output,
    deployment: str,
    ask: Ask,
    followed: Followed,
    signals: Collection[signal.Signals] = (signal.SIGINT,),
) -> None:
    """Follow the run that is asked for, telling what it says; `followed` has what is known of it.

    Raises KeyboardInterrupt if one of the signals comes, UnreachableError if the server goes away.
    """
    try:
        asyncio.run(_interruptible(_follow(output, deployment, ask, followed), signals))
    except UnreachableError as error:
        if followed.run_id is None:
            raise
        raise _lost_sight(error, followed) from error


async def _interruptible(
    work: Coroutine[Any, Any, None], signals: Collection[signal.Signals]
) -> None:
    """Do the work until it ends or a signal comes; then KeyboardInterrupt, whatever became of it.

    Left to asyncio, an interruption that meets the wrong line of a library is lost.
    """
    stop = asyncio.Event()
    for one in signals:
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    while stop.is_set() and not working.done():
        working.cancel()
        await asyncio.wait({working}, timeout=_ENDING_SECONDS)
    stopped.cancel()
    if stop.is_set():
        raise KeyboardInterrupt
    await working


async def _follow(output: Output, deployment: str, ask: Ask, followed: Followed) -> None:
    from tiercel.deployments.runs import artifacts_of, follow, link_to
    from tiercel.deployments.server import prefect_server

    def tell(seconds: float, line: str, level: int) -> None:
        if len(followed.said) < _KEPT_LINES:
            followed.said += line.splitlines()
        lines.say(seconds, line, level)

    def end(run: FlowRun) -> None:
        followed.ended = run

    async with prefect_server() as client:
        made = await ask(client)
        if made is None:
            return
        followed.run_id, followed.link = made.id, link_to(made.id)
        output.line(f"{deployment.rpartition('/')[2]}: {followed.link}")
        with RunLines(output) as lines:
            await follow(client, made.id, tell, end)
        followed.artifacts = await artifacts_of(client, made.id)


def show_followed(output: Output, followed: Followed) -> None:
    """Show what a run reported; raise the TiercelError with which it failed."""
    run, link, artifacts = followed.ended, followed.link, followed.artifacts
    if run is None or run.state is None:
        return
    failure = failure_of(run, link, artifacts)
    document = {
        "run": {"id": str(run.id), "name": run.name, "state": run.state.name, "url": link},
        "artifacts": artifacts,
    }
    if output.as_json and failure:
        output.document("run", document, failure)
        raise typer.Exit(int(failure.exit_code))
    if failure:
        raise failure
    output.document("run", document)
    if output.as_json:
        return
    # A flow reports its result last.
    for artifact in artifacts[-1:]:
        output.draw(Markdown(str(artifact["data"])))
    output.done(f"{run.name}: {link}")


def failure_of(run: Any, link: str, artifacts: list[dict[str, Any]]) -> TiercelError | None:
    """Return how a run failed, or for what it waits; None if it did what it was asked to.

    The run has left it as data. What its state and its log say is for people: nothing is read
    from that.
    """
    state = run.state
    message = state.message or ""
    if state.is_completed() and state.name != WAITING_STATE:
        return None
    if state.is_cancelled():
        return run_cancelled(link, message)
    if state.is_crashed():
        return crashed(link, message)
    documents = [one["data"] for one in artifacts if one["key"] == KEY]
    told = failure_in(documents[-1], run.run_count) if documents else None
    return error_from(told) if told else unforeseen(link, message)


def _lost_sight(error: UnreachableError, followed: Followed) -> UnreachableError:
    run = followed.ended
    if run is None or run.state is None:
        return lost_sight(error, followed.run_id)
    return lost_report(error, str(run.state.name), followed.link)
