"""Runs of deployments, started and followed from the terminal."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import typer
from rich.markdown import Markdown

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.runs import is_noise
from tiercel.domain.base.errors import InterruptedRunError, TiercelError, UnreachableError
from tiercel.domain.base.failure_text import failure_in

_ENDING_SECONDS = 1.0


def run_deployment(output: Output, deployment: str, **parameters: Any) -> None:
    """Start a run of `FLOW/DEPLOYMENT`, follow it to its end and show what it reported.

    Raises the TiercelError with which the run failed. Ctrl-C ends the command, not the run.
    """
    started: list[UUID] = []
    try:
        asyncio.run(_interruptible(_run(output, deployment, parameters, started)))
    except KeyboardInterrupt:
        raise _left_alone(started) from None
    except UnreachableError as error:
        if started:
            # The server went away; the worker works on.
            error.state, error.remedy = "the run goes on", _how_to_go_on(started[0])
        raise


async def _interruptible(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends or SIGINT comes; then KeyboardInterrupt, whatever became of it.

    Left to asyncio, an interruption that meets the wrong line of a library is lost.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    while stop.is_set() and not working.done():
        working.cancel()
        await asyncio.wait({working}, timeout=_ENDING_SECONDS)
    stopped.cancel()
    if stop.is_set():
        raise KeyboardInterrupt
    await working


async def _run(
    output: Output, deployment: str, parameters: dict[str, Any], started: list[UUID]
) -> None:
    from tiercel.deployments.runs import artifacts_of, follow, link_to, start_run
    from tiercel.deployments.server import prefect_server

    def tell(seconds: float, line: str, level: int) -> None:
        if level < logging.ERROR and not is_noise(line):
            output.line(f"{seconds:6.1f} s  {line}")

    async with prefect_server() as client:
        made = await start_run(client, deployment, parameters)
        started.append(made.id)
        link = link_to(made.id)
        output.line(f"{deployment}: {link}")
        run = await follow(client, made.id, tell)
        artifacts = await artifacts_of(client, made.id)
    state = run.state.name if run.state else None
    failure = _failure(run, link)
    document = {
        "run": {"id": str(run.id), "name": run.name, "state": state, "url": link},
        "artifacts": artifacts,
    }
    _show(output, document, failure)


def _show(output: Output, document: dict[str, Any], failure: TiercelError | None) -> None:
    if output.as_json and failure:
        output.document(
            document | {"error": failure.parts() | {"exit_code": int(failure.exit_code)}}
        )
        raise typer.Exit(int(failure.exit_code))
    if failure:
        raise failure
    output.document(document)
    if output.as_json:
        return
    # A flow reports its result last.
    for artifact in document["artifacts"][-1:]:
        output.draw(Markdown(str(artifact["data"])))
    output.done(f"{document['run']['name']}: {document['run']['url']}")


def _failure(run: Any, link: str) -> TiercelError | None:
    """Return how a run that ended failed; None if it did what it was asked to."""
    state = run.state
    message = state.message or ""
    if state.is_completed():
        return None
    if state.is_cancelled():
        return InterruptedRunError(
            "the run was cancelled",
            where=link,
            why=message,
            state="AWS goes on with what it was told; nothing new is started",
            remedy="run it again: it goes on where this run stopped",
        )
    if state.is_crashed():
        return UnreachableError(
            "the run crashed",
            where=link,
            why=message,
            state="AWS goes on with what it was told",
            remedy="look at the worker, then run it again: it goes on where this run stopped",
        )
    return failure_in(message) or TiercelError(
        "the run failed in a way that nobody foresaw",
        where=link,
        why=message,
        remedy="see its log",
    )


def _left_alone(started: list[UUID]) -> InterruptedRunError:
    if not started:
        return InterruptedRunError("interrupted", state="no run was started", remedy="repeat it")
    return InterruptedRunError(
        "you stopped following the run",
        where=f"run {started[0]}",
        state="the run goes on",
        remedy=_how_to_go_on(started[0]),
    )


def _how_to_go_on(run_id: UUID) -> str:
    return (
        f"follow it with `prefect flow-run watch {run_id}`, "
        f"end it with `prefect flow-run cancel {run_id}`"
    )
