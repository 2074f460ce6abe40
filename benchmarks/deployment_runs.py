"""Runs of a deployment, started by the API and timed by what Prefect's server recorded.

Imports Prefect: `place.work_in` has to come first.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectHTTPStatusError

POOL = "benchmark"
PARTS = (
    "API call",
    "until the worker takes it (Pending)",
    "until its process runs the flow (Running)",
    "until the first task runs",
    "API call to first task",
)
_PATIENCE_SECONDS = 240.0
_POLL_SECONDS = 0.5
# Its repository is not in tiercel.toml, so that the run ends after its first task.
_PARAMETERS = {"repository": "nobody/nothing", "commit": "develop", "then_deploy": False}


@dataclass(frozen=True)
class Timeline:
    """The moments of one run, in order."""

    called: datetime
    scheduled: datetime
    pending: datetime
    running: datetime
    first_task: datetime

    def parts(self) -> dict[str, float]:
        """Return how many seconds each part took, and the whole."""
        moments = (self.called, self.scheduled, self.pending, self.running, self.first_task)
        steps = [(after - before).total_seconds() for before, after in pairwise(moments)]
        whole = (self.first_task - self.called).total_seconds()
        return dict(zip(PARTS, [*steps, whole], strict=True))


def create_deployment(entrypoint: str, name: str, prefect_file: Path) -> UUID:
    """Create a process pool and a deployment as prefect.yaml does: installed code, no pull.

    Both are written to `prefect_file` as well: a worker of ours executes what that says alone.
    """
    deployment = {
        "name": name,
        "entrypoint": entrypoint,
        "description": "What is measured.",
        "work_pool": {"name": POOL},
    }
    prefect_file.write_text(json.dumps({"pull": [], "deployments": [deployment]}))
    return asyncio.run(_create_deployment(entrypoint, name))


async def _create_deployment(entrypoint: str, name: str) -> UUID:
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        flow_id = await client.create_flow_from_name("publish-artifact")
        return await client.create_deployment(
            flow_id=flow_id,
            name=name,
            work_pool_name=POOL,
            entrypoint=entrypoint,
            pull_steps=[],
        )


def run_at_once(deployment: UUID, count: int) -> list[Timeline]:
    """Start so many runs at once and return the timelines of those that came to a task.

    A run that the server refused or that crashed before has none. Raises TimeoutError if
    they do not end in time.
    """
    return asyncio.run(_run_at_once(deployment, count))


async def _run_at_once(deployment: UUID, count: int) -> list[Timeline]:
    async with get_client() as client:
        timelines = await asyncio.gather(*(_run(client, deployment) for _ in range(count)))
    return [one for one in timelines if one]


async def _run(client: PrefectClient, deployment: UUID) -> Timeline | None:
    called = datetime.now(UTC)
    try:
        run = await client.create_flow_run_from_deployment(deployment, parameters=_PARAMETERS)
    except PrefectHTTPStatusError:
        return None  # the server's database was locked for too long
    return await _timeline(client, run.id, called)


def timeline_of(run: UUID, called: datetime) -> Timeline | None:
    """Return the timeline of a run that somebody else has had made, from when that began.

    None if it crashed before its first task. Raises TimeoutError as `run_at_once` does.
    """

    async def read() -> Timeline | None:
        async with get_client() as client:
            return await _timeline(client, run, called)

    return asyncio.run(read())


async def _timeline(client: PrefectClient, run: UUID, called: datetime) -> Timeline | None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        await asyncio.sleep(_POLL_SECONDS)
        first = await _first_task(client, run)
        if first is None:
            if (await client.read_flow_run(run)).state_type is StateType.CRASHED:
                return None
            continue
        states = {
            state.type: state.timestamp
            for state in reversed(await client.read_flow_run_states(run))
        }
        return Timeline(
            called=called,
            scheduled=states[StateType.SCHEDULED],
            pending=states[StateType.PENDING],
            running=states[StateType.RUNNING],
            first_task=first,
        )
    raise TimeoutError(f"flow run {run} has no task yet")


async def _first_task(client: PrefectClient, run: UUID) -> datetime | None:
    """Return when the first task began, once its end is known too."""
    found = await client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    )
    starts = [one.start_time for one in found if one.start_time and one.end_time]
    return min(starts, default=None)
