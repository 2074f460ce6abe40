"""The run that an event asks for: followed in a job of a workflow, which shows how it ended."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tiercel.cli.terminal.failures import CANCELLED, cancelled_with_its_job, nothing_started
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.deployed_runs import (
    Ask,
    Followed,
    follow_to_its_end,
    show_followed,
)
from tiercel.cli.terminal.running.workflow import WorkflowJob, annotate, grouped
from tiercel.domain.base.errors import TiercelError, UnreachableError, WaitingError
from tiercel.domain.release.release_document import RELEASE_KEY, released_in
from tiercel.domain.review.annotations import annotations_in
from tiercel.tasks.engine.pace import paced

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from tiercel.domain.triggers.triggered_runs import WantedRun
    from tiercel.flows.engine.wanted_runs import StartRun

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""With both, a few seconds apart, GitHub's runner cancels a step."""
_PATIENCE_SECONDS = 600.0
_PAUSE_SECONDS = 5.0


def follow_all(
    output: Output, job: WorkflowJob, wanted: Sequence[WantedRun], *, wait: bool
) -> None:
    """Have the runs made that one event asks for, all at once, and follow one after the other.

    Raises the TiercelError of the first that failed, once all have ended. A job that is cancelled
    cancels those that it has not seen end. The first one's outputs are the job's.
    """
    asks = [_asking(output, job, one) for one in wanted]
    if wait and len(asks) > 1:
        asks = [_same(asyncio.run(_made(ask))) for ask in asks]
    failed: dict[int, TiercelError] = {}
    for place in reversed(range(len(asks))):
        said: list[str] = []
        try:
            with grouped(wanted[place].name):
                follow_wanted(output, job, wanted[place], asks[place], wait=wait, said=said)
        except TiercelError as error:
            if error.code == CANCELLED:
                for ask in asks[:place]:
                    asyncio.run(_cancelled(asyncio.run(_made(ask))))
                raise
            failed[place] = error
        finally:
            annotate(annotations_in(said))
    if failed:
        job.put(result=failed[min(failed)].code)
        raise failed[min(failed)]


def follow_wanted(
    output: Output,
    job: WorkflowJob,
    wanted: WantedRun,
    ask: Ask | None = None,
    *,
    wait: bool,
    said: list[str] | None = None,
) -> None:
    """Ask for the run, follow it and the one that it starts by itself, and show both.

    `said` gets the lines of its log.

    Raises the TiercelError with which one failed. A job that is cancelled cancels its run.
    """
    ask = ask or _asking(output, job, wanted)
    if not wait:
        from tiercel.deployments.runs import link_to

        asked = link_to(asyncio.run(_made(ask)))
        job.put(run_url=asked, result="started")
        output.line(f"{wanted.name}: {asked}")
        output.document("trigger", {"result": "started", "run": {"url": asked}})
        return
    first = _followed(output, job, wanted.deployment, ask, said)

    async def ask_next(client: PrefectClient) -> FlowRun | None:
        from tiercel.flows.engine.wanted_runs import run_after

        return await run_after(client, wanted, first, _starting(client), _tries(job))

    if wanted.then:
        _followed(output, job, wanted.then, ask_next)


def _asking(output: Output, job: WorkflowJob, wanted: WantedRun) -> Ask:
    """Return what asks for the run that is wanted: the one that is there, or a new one."""

    async def ask(client: PrefectClient) -> FlowRun:
        from tiercel.flows.engine.wanted_runs import wanted_run_of

        run, was_there = await wanted_run_of(client, wanted, _starting(client), _tries(job))
        if was_there:
            output.line(f"{run.name} is there already, for the same event")
        return run

    return ask


def _starting(client: PrefectClient) -> StartRun:
    async def start(deployment: str, parameters: dict[str, Any], key: str) -> FlowRun:
        from tiercel.deployments.runs import start_run

        return await start_run(client, deployment, parameters, key)

    return start


def _tries(job: WorkflowJob) -> int:
    from tiercel.domain.triggers.triggered_runs import ASKED_AGAIN

    return ASKED_AGAIN if job.is_repeated else 1


async def _made(ask: Ask) -> UUID:
    """Return the id of the run that is asked for; nobody waits for its end."""
    from tiercel.deployments.server import prefect_server

    async with prefect_server() as client:
        run = await ask(client)
        if run is None:
            raise nothing_started()
        return run.id


def _followed(
    output: Output, job: WorkflowJob, deployment: str, ask: Ask, said: list[str] | None = None
) -> FlowRun | None:
    followed = Followed(said=[] if said is None else said)
    try:
        _follow_stubbornly(output, deployment, ask, followed)
        if followed.run_id:
            show_followed(output, followed)
    except KeyboardInterrupt:
        _cancel(followed)
        job.put(run_url=followed.link, result="cancelled")
        raise cancelled_with_its_job(followed.link) from None
    except WaitingError as waiting:
        # A job has no state for it, and nothing has failed; the same promotion goes on elsewhere.
        _show(job, followed, waiting.code)
        output.line(f"{waiting.what}: {waiting.remedy}")
        return followed.ended
    except TiercelError as error:
        _show(job, followed, error.code)
        raise
    if followed.run_id:
        _show(job, followed, "succeeded")
    return followed.ended


def _follow_stubbornly(output: Output, deployment: str, ask: Ask, followed: Followed) -> None:
    """Follow a run, and go on after the server was away for a while."""
    lost_at = 0.0
    while True:
        try:
            return follow_to_its_end(output, deployment, ask, followed, _SIGNALS)
        except UnreachableError as error:
            now = time.monotonic()
            lost_at = lost_at or now
            if followed.run_id is None or now - lost_at > paced(_PATIENCE_SECONDS):
                raise
            output.line(f"{error.what}; the run is looked for again")
            time.sleep(paced(_PAUSE_SECONDS))
            ask = _same(followed.run_id)


def _same(run_id: UUID) -> Ask:
    async def ask(client: PrefectClient) -> FlowRun:
        return await client.read_flow_run(run_id)

    return ask


def _cancel(followed: Followed) -> None:
    if followed.run_id is None:
        raise nothing_started()
    asyncio.run(_cancelled(followed.run_id))


async def _cancelled(run_id: UUID) -> None:
    from tiercel.deployments.runs import cancel_run
    from tiercel.deployments.server import prefect_server

    async with prefect_server() as client:
        await cancel_run(client, run_id)


def _show(job: WorkflowJob, followed: Followed, result: str) -> None:
    """Put what the run reported into the step's summary, and the outputs."""
    job.put(run_url=followed.link, result=result)
    documents = [one["data"] for one in followed.artifacts if one["key"] == RELEASE_KEY]
    told = released_in(documents[-1]) if documents else None
    if told:
        job.put(release=told.releases)
        if told.address:
            job.put(environment_url=told.address)
    pages = [str(one["data"]) for one in followed.artifacts if one["type"] == "markdown"]
    job.summarize("\n\n".join([*pages, followed.link]))
