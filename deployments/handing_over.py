"""Executes flow runs in processes of this machine, and hands them over when it is told to.

Prefect's own process worker kills its runs when it is stopped. `prefect flow-run execute` hands its
run over, but every run then has a second process, as large and as slow to start. This worker
does what that command does, with the same parts of Prefect. They are no public interface, so the
version of Prefect is held (docs/decisions/0012-runs-forked-by-the-worker.md).
"""

from __future__ import annotations

import asyncio
import tempfile
from abc import ABC
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort, Pause
from prefect.flows import load_flow_from_flow_run
from prefect.logging import get_logger
from prefect.runner._control_channel import ControlSignalStatus
from prefect.runner._flow_run_executor import (
    FlowRunExecutionResult,
    FlowRunExecutor,
    FlowRunExecutorContext,
    ProcessStarter,
)
from prefect.runner._process_manager import ProcessHandle
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.settings import get_current_settings
from prefect.states import AwaitingRetry
from prefect.utilities.engine import propose_state
from prefect.utilities.processutils import sanitize_subprocess_env
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments.warm_runs import WarmStarter

_logger = get_logger("tiercel.worker")


class HandingOverWorker(ProcessWorker, ABC):
    """A process worker whose runs start warm and can be handed to the next worker.

    `ABC` keeps Prefect from registering it in place of its own worker of this type.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._told = asyncio.Event()

    def hand_over(self) -> None:
        """End the process of every run that is under way and let another worker go on with it."""
        self._told.set()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Execute a run; return when its process has ended, for whatever reason."""
        with tempfile.TemporaryDirectory(prefix="tiercel-run-") as temporary:
            folder = configuration.working_dir or Path(temporary)
            async with FlowRunExecutorContext() as context:
                executor = context.create_executor(
                    flow_run,
                    starter_of(configuration, folder, context),
                    resolve_flow=load_flow_from_flow_run,
                    propose_submitting=False,
                )
                tell = task_status or anyio.TASK_STATUS_IGNORED
                return await self._execute(context, executor, flow_run, tell)

    async def _execute(
        self,
        context: FlowRunExecutorContext,
        executor: FlowRunExecutor,
        flow_run: FlowRun,
        task_status: anyio.abc.TaskStatus[int],
    ) -> ProcessWorkerResult:
        ended: FlowRunExecutionResult | None = None

        async def execute(*, task_status: anyio.abc.TaskStatus[ProcessHandle]) -> None:
            nonlocal ended
            ended = await executor.submit(task_status=task_status)
            if not self._told.is_set():
                group.cancel_scope.cancel()

        async def hand_over() -> None:
            await self._told.wait()
            if await _handed_over(context, flow_run):
                # At once, before the executor sees how the process ended and calls it a crash.
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(hand_over)
            handle: ProcessHandle = await group.start(execute)
            task_status.started(handle.pid or 0)
        status = ended.status_code if ended else 0
        return ProcessWorkerResult(status_code=status or 0, identifier=str(handle.pid))


def starter_of(
    configuration: ProcessJobConfiguration, folder: Path, context: FlowRunExecutorContext
) -> ProcessStarter:
    """Return what starts a run: a fork, unless the work pool or the deployment names a command."""
    if configuration._command_configured:  # noqa: SLF001 - nothing else tells it
        return EngineCommandStarter(
            command=configuration.command,
            cwd=folder,
            env=configuration.env,
            stream_output=configuration.stream_output,
            control_channel=context.control_channel,
            isolate_process_group=True,
            env_overrides_settings=True,
        )
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    environment = sanitize_subprocess_env(settings | configuration.env)
    return WarmStarter(environment, folder, context.control_channel)


async def _handed_over(context: FlowRunExecutorContext, flow_run: FlowRun) -> bool:
    """Let another worker go on with a run, and end its process; False if it has just ended.

    The process has to know before it gets SIGTERM that the run's next state is none of its
    business. One that did not answer is killed at once, because it could claim a state.
    """
    answer = await context.control_channel.signal(flow_run.id, "reschedule")
    if answer is ControlSignalStatus.ALREADY_CONCLUDED:
        return False
    await _reschedule(context.client, flow_run)
    acknowledged = answer is ControlSignalStatus.ACKNOWLEDGED
    await context.process_manager.kill(flow_run.id, force=not acknowledged)
    return True


async def _reschedule(client: PrefectClient, flow_run: FlowRun) -> None:
    """Leave alone what has ended; a crash is no end, somebody may only have feared for the run."""
    try:
        state = (await client.read_flow_run(flow_run.id)).state
        if state is None or not state.is_final() or state.is_crashed():
            await propose_state(client, AwaitingRetry(), flow_run_id=flow_run.id)
    except (Abort, Pause, httpx.HTTPError) as error:
        _logger.warning("run %s is not handed over: %r", flow_run.name, error)
