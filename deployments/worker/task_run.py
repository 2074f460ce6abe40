"""Executes the one run of a task or pod, unless it is not what was installed.

It does what `prefect flow-run execute` does, but what is loaded comes from the image and not from
the server: no pull step is run, and no entrypoint of the server's is believed. On SIGTERM it hands
the run over to the next task.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

from tiercel.deployments.installation import (
    Installation,
    InstalledDeployment,
    pool_template,
    require_installed,
)
from tiercel.deployments.prefect_file import (
    FILE_NAME,
    PrefectFile,
    installed_prefect_file,
    read_prefect_file,
)
from tiercel.deployments.prefect_internals import EngineCommandStarter, FlowRunExecutorContext
from tiercel.deployments.worker.asked_runs import asked_run
from tiercel.deployments.worker.handing_over import execute_or_hand_over, resolver_of
from tiercel.deployments.worker.refusing import refuse_run
from tiercel.domain.base.errors import ConfigurationError, TiercelError

OWN_FILE = Path("/etc/tiercel") / FILE_NAME
"""Where an image has a prefect.yaml of its own."""
RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
"""Where Prefect's workers name the run of a task or pod."""


async def execute_task(run_id: UUID, file: PrefectFile) -> int:
    """Execute a run and return the exit code of its process, 0 if it was refused or handed over."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    async with FlowRunExecutorContext() as context:
        flow_run = await context.client.read_flow_run(run_id)
        try:
            installed = await _installed(context.client, flow_run, file)
        except TiercelError as error:
            await refuse_run(context.client, flow_run, error)
            return 0
        with tempfile.TemporaryDirectory(prefix="tiercel-run-") as folder:
            starter = EngineCommandStarter(
                entrypoint=installed.entrypoint,
                cwd=Path(folder),
                control_channel=context.control_channel,
                isolate_process_group=True,
                env_overrides_settings=True,
            )
            executor = context.create_executor(
                flow_run,
                starter,
                resolve_flow=resolver_of(installed.entrypoint),
                propose_submitting=False,
            )
            result = await execute_or_hand_over(
                context, executor, flow_run, told, anyio.TASK_STATUS_IGNORED
            )
            return result.status_code


async def _installed(
    client: PrefectClient, flow_run: FlowRun, file: PrefectFile
) -> InstalledDeployment:
    """Return the installed deployment of a run; raises as `require_installed`."""
    has_deployment = flow_run.deployment_id
    deployment = await client.read_deployment(has_deployment) if has_deployment else None
    flow = await client.read_flow(flow_run.flow_id)
    pool = await client.read_work_pool(flow_run.work_pool_name or "")
    installed = Installation.of(file, pool.name, pool_template(pool.type))
    return require_installed(asked_run(flow_run, deployment, flow, pool), installed)


def named_run(environment: Mapping[str, str]) -> UUID:
    """Return the id of the run that the environment names; raises ConfigurationError."""
    name = environment.get(RUN_VARIABLE, "")
    try:
        return UUID(name)
    except ValueError:
        raise ConfigurationError(
            "worker.no_run",
            "no run is named that this container could execute",
            where=f"the variable {RUN_VARIABLE}",
            why=f"it is {name!r}" if name else "it is not set",
            remedy="leave it to the worker of a work pool to start this; to have the image do "
            "something else, start it with another entry point",
        ) from None


def main() -> None:
    """Execute the run that the environment names."""
    try:
        run_id = named_run(os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    file = read_prefect_file(OWN_FILE if OWN_FILE.exists() else installed_prefect_file())
    sys.exit(asyncio.run(execute_task(run_id, file)))


if __name__ == "__main__":
    main()
