"""Whoever may call Prefect's API starts what is installed, and nothing else with a worker's rights.

Each attack gets what it asks for when the comparison that stops it is taken out: a file appears.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate

from tests.flows.test_worker import idle, until
from tiercel.deployments.installation import (
    Installation,
    InstalledDeployment,
    process_template,
)
from tiercel.deployments.runs import artifacts_of
from tiercel.deployments.worker.handing_over import HandingOverWorker
from tiercel.domain.base.failure_document import KEY, failure_in

pytestmark = pytest.mark.usefixtures("prefect_server")

POOL = "attacked"
FLOW = "publish-artifact"
ENTRYPOINT = "tiercel.flows.publish.publish_artifact"
VARIABLES = {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}


@asynccontextmanager
async def attacked_worker() -> AsyncIterator[tuple[HandingOverWorker, UUID]]:
    """A worker with one installed deployment, and the id of that on the server."""
    installed = Installation(
        process_template(), {f"{FLOW}/{POOL}": InstalledDeployment(ENTRYPOINT, VARIABLES)}
    )
    async with HandingOverWorker(work_pool_name=POOL, limit=2, installation=installed) as worker:
        await worker.client.create_work_pool(
            WorkPoolCreate(name=POOL, type="process", base_job_template=process_template()),
            overwrite=True,
        )
        flow = await worker.client.create_flow_from_name(FLOW)
        deployment = await worker.client.create_deployment(
            flow,
            POOL,
            work_pool_name=POOL,
            entrypoint=ENTRYPOINT,
            job_variables=VARIABLES,
            pull_steps=[],
        )
        yield worker, deployment


Attack = Callable[[PrefectClient, UUID, str], Awaitable[UUID]]


async def chosen_command(client: PrefectClient, deployment: UUID, deed: str) -> UUID:
    return await _run(client, deployment, job_variables={"command": deed})


async def chosen_environment(client: PrefectClient, deployment: UUID, deed: str) -> UUID:
    return await _run(client, deployment, job_variables={"env": {"GITHUB_API_URL": deed}})


async def chosen_variable(client: PrefectClient, deployment: UUID, deed: str) -> UUID:
    return await _run(client, deployment, job_variables={"env.LD_PRELOAD": deed})


async def chosen_folder(client: PrefectClient, deployment: UUID, deed: str) -> UUID:
    return await _run(client, deployment, job_variables={"working_dir": "/", "name": deed})


async def edited_command(client: PrefectClient, deployment: UUID, deed: str) -> UUID:
    await client.update_deployment(deployment, DeploymentUpdate(job_variables={"command": deed}))
    return await _run(client, deployment)


async def edited_entrypoint(client: PrefectClient, deployment: UUID, deed: str) -> UUID:
    _, _, done = deed.partition(" ")
    program = Path(done).with_name("evil.py")
    program.write_text(f"from pathlib import Path\nPath({done!r}).touch()\n")
    await client.update_deployment(deployment, DeploymentUpdate(entrypoint=f"{program}:flow"))
    return await _run(client, deployment)


async def other_flow_of_ours(client: PrefectClient, deployment: UUID, _: str) -> UUID:
    other = "tiercel.flows.provision.provision_accounts"
    await client.update_deployment(deployment, DeploymentUpdate(entrypoint=other))
    return await _run(client, deployment)


async def edited_pull_steps(client: PrefectClient, deployment: UUID, deed: str) -> UUID:
    step = {"prefect.deployments.steps.run_shell_script": {"script": deed}}
    await client.update_deployment(deployment, DeploymentUpdate(pull_steps=[step]))
    return await _run(client, deployment)


async def edited_template(client: PrefectClient, deployment: UUID, deed: str) -> UUID:
    template = process_template()
    template["variables"]["properties"]["command"]["default"] = deed
    await client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))
    return await _run(client, deployment)


async def another_deployment(client: PrefectClient, _: UUID, deed: str) -> UUID:
    flow = await client.create_flow_from_name("theirs")
    made = await client.create_deployment(
        flow, POOL, work_pool_name=POOL, entrypoint=ENTRYPOINT, job_variables={"command": deed}
    )
    return await _run(client, made)


async def no_deployment(client: PrefectClient, _: UUID, deed: str) -> UUID:
    flow = await client.create_flow_from_name(FLOW)
    body: dict[str, Any] = {"flow_id": str(flow), "state": {"type": "SCHEDULED"}}
    body |= {"work_pool_name": POOL, "job_variables": {"command": deed}}
    answer = await client.request("POST", "/flow_runs/", json=body)
    return UUID(answer.json()["id"])


ATTACKS: dict[Attack, tuple[str, str]] = {
    chosen_command: ("worker.run_chooses_variables", "command"),
    chosen_environment: ("worker.changed_deployment", "job_variables.env.GITHUB_API_URL"),
    chosen_variable: ("worker.run_chooses_variables", "env.LD_PRELOAD"),
    chosen_folder: ("worker.run_chooses_variables", "working_dir"),
    edited_command: ("worker.changed_deployment", "job_variables.command\njob_variables.env"),
    edited_entrypoint: ("worker.changed_deployment", "entrypoint: "),
    other_flow_of_ours: ("worker.changed_deployment", "entrypoint: tiercel.flows.provision."),
    edited_pull_steps: ("worker.changed_deployment", "pull steps: 1"),
    edited_template: (
        "worker.changed_work_pool",
        "variables.properties.command.default",
    ),
    another_deployment: ("worker.foreign_deployment", f"installed are {FLOW}/{POOL}"),
    no_deployment: ("worker.foreign_deployment", f"installed are {FLOW}/{POOL}"),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.__name__)
def test_a_run_that_is_not_what_was_installed_fails_and_nothing_of_it_is_loaded(
    attack: Attack, tmp_path: Path
) -> None:
    code, difference = ATTACKS[attack]
    done = tmp_path / "done"

    async def scenario() -> None:
        async with attacked_worker() as (worker, deployment):
            client = worker.client
            run_id = await attack(client, deployment, f"touch {done}")
            await worker.sync_with_backend()
            await worker.get_and_submit_flow_runs()
            await until(lambda: idle(worker))
            run = await client.read_flow_run(run_id)
            assert run.state
            assert run.state.is_failed(), run.state
            document = [
                one["data"] for one in await artifacts_of(client, run_id) if one["key"] == KEY
            ]
            failure = failure_in(document[-1], run.run_count)
            assert failure
            assert failure.code == code
            assert failure.why.startswith(difference)
            assert run.infrastructure_pid is None

    asyncio.run(scenario())
    assert not done.exists()


async def _run(client: PrefectClient, deployment: UUID, **named: Any) -> UUID:
    run = await client.create_flow_run_from_deployment(deployment, **named)
    return run.id
