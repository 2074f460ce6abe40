"""A worker in a thread of the tests' own process: it takes one run, and does as it is told."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow
from prefect.states import Crashed

from tests.support.patience import PATIENCE_SECONDS

Worker = Callable[[FlowRun], Any]


def executor_of(flow: Flow[..., Any]) -> Worker:
    """What a worker does that does its work: it runs the flow."""

    def executes(run: FlowRun) -> None:
        asyncio.run(run_flow(flow, flow_run=run, parameters=run.parameters))  # type: ignore[arg-type]

    return executes


def crashes(run: FlowRun) -> None:
    """What a worker tells whose process was killed."""

    async def crash() -> None:
        async with get_client() as client:
            await client.set_flow_run_state(run.id, Crashed(message="the process was killed"))

    asyncio.run(crash())


def idles(_: FlowRun) -> None:
    """What a worker does that has only taken the run."""


@contextmanager
def worker(flow: Flow[..., Any], does: Worker) -> Iterator[str]:
    """A deployment whose next run is taken by a worker in a thread of this process."""
    name = f"of-{uuid4().hex}"

    async def deploy() -> Any:
        async with get_client() as client:
            flow_id = await client.create_flow_from_name(flow.name)
            return await client.create_deployment(flow_id, name, enforce_parameter_schema=False)

    deployed = asyncio.run(deploy())
    own = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployed]))
    ended: list[BaseException] = []

    async def next_run() -> FlowRun:
        async with get_client() as client:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline:
                for run in await client.read_flow_runs(flow_run_filter=own):
                    if run.state and run.state.is_scheduled():
                        return run
                await asyncio.sleep(0.1)
        raise TimeoutError("nobody started a run")

    def work() -> None:
        try:
            does(asyncio.run(next_run()))
        except BaseException as error:  # noqa: BLE001 - the flow's own failure, or one of the test
            ended.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
    thread.start()
    try:
        yield f"{flow.name}/{name}"
    finally:
        thread.join(PATIENCE_SECONDS)
