"""A worker of a work pool in this process: refused calls, starts that fail, and hand-overs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from uuid import UUID

import anyio
import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import State

from tests.support.patience import PATIENCE_SECONDS
from tiercel.deployments.installation import (
    Installation,
    InstalledDeployment,
    process_template,
)
from tiercel.deployments.worker.handing_over import HandingOverWorker
from tiercel.deployments.worker.warm_runs import warm_runs

WAITS = f"{sys.executable} -c 'import time; time.sleep(60)'"
ENGINE = f"{sys.executable} -m prefect.engine"
BRIEFLY = 0.1

pytestmark = pytest.mark.usefixtures("prefect_server")


@asynccontextmanager
async def worker_of(
    pool: str, command: str | None, entrypoint: str = "unused.py:unused"
) -> AsyncIterator[HandingOverWorker]:
    """A worker for whose pool one deployment is installed: `started_run` makes runs of it."""
    installed = InstalledDeployment(entrypoint, {"command": command} if command else {})
    worker = HandingOverWorker(
        work_pool_name=pool,
        limit=2,
        installation=Installation(process_template(), {f"flow-{pool}/{pool}": installed}),
    )
    async with worker:
        await worker.client.create_work_pool(
            WorkPoolCreate(name=pool, type="process", base_job_template=process_template()),
            overwrite=True,
        )
        await worker.sync_with_backend()
        yield worker
        worker.hand_over()
        await until(lambda: idle(worker))


async def started_run(
    client: PrefectClient, pool: str, command: str | None, entrypoint: str = "unused.py:unused"
) -> UUID:
    flow = await client.create_flow_from_name(f"flow-{pool}")
    deployment = await client.create_deployment(
        flow,
        pool,
        work_pool_name=pool,
        entrypoint=entrypoint,
        job_variables={"command": command} if command else {},
    )
    return (await client.create_flow_run_from_deployment(deployment)).id


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await happened():  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(BRIEFLY)


async def idle(worker: HandingOverWorker) -> bool:
    return worker.limiter.borrowed_tokens == 0


async def state_of(client: PrefectClient, run: UUID) -> State:
    state = (await client.read_flow_run(run)).state
    assert state
    return state


async def names_of_states(client: PrefectClient, run: UUID) -> list[str | None]:
    states = await client.read_flow_run_states(run)
    return [one.name for one in sorted(states, key=lambda one: one.timestamp)]


def refuse_once(client: PrefectClient, method: str, path: str) -> list[httpx.Response]:
    """Let the server's next answer to such a call be a 500; return those that became one."""
    refused: list[httpx.Response] = []

    async def refuse(response: httpx.Response) -> None:
        request = response.request
        if not refused and request.method == method and path in request.url.path:
            response.status_code = httpx.codes.INTERNAL_SERVER_ERROR
            refused.append(response)

    client._client.event_hooks["response"].append(refuse)
    return refused


def test_a_refused_call_for_one_run_leaves_the_others_alone_and_the_run_is_taken_again() -> None:
    async def scenario() -> None:
        pool = "refuses-one"
        async with worker_of(pool, WAITS) as worker:
            first = await started_run(worker.client, pool, WAITS)
            await worker.get_and_submit_flow_runs()
            await until(lambda: has_process(worker.client, first))
            second = await started_run(worker.client, pool, WAITS)
            refused = refuse_once(worker.client, "GET", "/deployments/")
            await worker.get_and_submit_flow_runs()
            await until(lambda: answered(refused))
            await until(lambda: slots_taken(worker, 1))

            assert (await state_of(worker.client, second)).is_scheduled()
            await worker.get_and_submit_flow_runs()
            await until(lambda: has_process(worker.client, second))
            assert (await state_of(worker.client, first)).is_pending()

    asyncio.run(scenario())


def test_a_refused_call_for_a_cancellation_leaves_the_runs_alone() -> None:
    async def scenario() -> None:
        pool = "refuses-cancel"
        async with worker_of(pool, WAITS) as worker:
            run = await started_run(worker.client, pool, WAITS)
            await worker.get_and_submit_flow_runs()
            await until(lambda: has_process(worker.client, run))
            refused = refuse_once(worker.client, "GET", "/flow_runs/")
            await worker._cancel_run(run)  # as Prefect's observer does
            assert refused
            assert (await state_of(worker.client, run)).is_pending()

    asyncio.run(scenario())


def test_a_run_whose_process_is_still_being_started_is_handed_over() -> None:
    async def scenario() -> None:
        pool = "being-started"
        async with worker_of(pool, None) as worker:
            run = await started_run(worker.client, pool, None)
            worker.hand_over()
            with warm_runs():  # it begins to import, so the first fork takes seconds
                await worker.get_and_submit_flow_runs()
                await until(lambda: idle(worker))
            names = await names_of_states(worker.client, run)
            assert names[-1] == "AwaitingRetry"
            assert "Crashed" not in names

    asyncio.run(scenario())


@pytest.mark.parametrize("told", [False, True])
def test_a_run_whose_process_cannot_be_started_crashes_and_nothing_else_is_an_error(
    told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        pool = f"cannot-start-{told}"
        async with worker_of(pool, "/no/such/program") as worker:
            run = await started_run(worker.client, pool, "/no/such/program")
            if told:
                worker.hand_over()
            await worker.get_and_submit_flow_runs()
            await until(lambda: idle(worker))
            states = await worker.client.read_flow_run_states(run)
            crashes = [one.message or "" for one in states if one.is_crashed()]
            assert len(crashes) == 1
            assert crashes[0].startswith("Flow run could not start: ")
            errors = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
            assert len(errors) == 1
            assert errors[0].startswith(f"Flow run '{run}' could not start: ")

    asyncio.run(scenario())


def test_a_run_awaits_its_next_worker_only_when_its_process_has_ended(tmp_path: Path) -> None:
    source = f"""
        import time
        from pathlib import Path
        from prefect import flow

        @flow
        def ends_slowly():
            try:
                Path({str(tmp_path / "began")!r}).touch()
                time.sleep(60)
            finally:
                time.sleep(1)
                Path({str(tmp_path / "ended")!r}).touch()
    """
    (tmp_path / "slow.py").write_text(dedent(source))

    async def scenario() -> None:
        pool, entrypoint = "ends-slowly", f"{tmp_path}/slow.py:ends_slowly"
        async with worker_of(pool, ENGINE, entrypoint) as worker:
            client = worker.client
            run = await started_run(client, pool, ENGINE, entrypoint)
            await worker.get_and_submit_flow_runs()
            await until(lambda: anyio.Path(tmp_path / "began").exists())
            worker.hand_over()
            await until(lambda: idle(worker))
            names = await names_of_states(client, run)
            assert names[-1] == "AwaitingRetry"
            assert "Crashed" not in names
            awaiting = (await state_of(client, run)).timestamp.timestamp()
            assert (tmp_path / "ended").stat().st_mtime < awaiting

    asyncio.run(scenario())


async def has_process(client: PrefectClient, run: UUID) -> bool:
    return bool((await client.read_flow_run(run)).infrastructure_pid)


async def slots_taken(worker: HandingOverWorker, number: int) -> bool:
    return worker.limiter.borrowed_tokens == number


async def answered(refused: list[httpx.Response]) -> bool:
    return bool(refused)
