"""Executes flow runs in processes of this machine, and hands them over when it is told to.

Prefect's own process worker kills its runs when it is stopped. `prefect flow-run execute` hands its
run over, but every run then has a second process, as large and as slow to start. This worker
does what that command does, with the same parts of Prefect (`prefect_internals`).
"""

from __future__ import annotations

import asyncio
import tempfile
from abc import ABC
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort, Pause
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.logging import get_logger
from prefect.settings import get_current_settings
from prefect.states import AwaitingRetry
from prefect.utilities.engine import propose_state
from prefect.utilities.processutils import sanitize_subprocess_env
from prefect.workers.process import ProcessJobConfiguration, ProcessWorkerResult

from tiercel.deployments.installation import Installation, require_installed
from tiercel.deployments.prefect_internals import (
    ControlSignalStatus,
    EngineCommandStarter,
    FlowRunExecutionResult,
    FlowRunExecutor,
    FlowRunExecutorContext,
    PatientWorker,
    ProcessHandle,
    ProcessStarter,
    names_a_command,
)
from tiercel.deployments.worker.asked_runs import AskedConfiguration, asked_run
from tiercel.deployments.worker.refusing import refuse_run
from tiercel.deployments.worker.warm_runs import WarmStarter
from tiercel.domain.base.errors import RefusedInputError

_logger = get_logger("tiercel.worker")


class HandingOverWorker(PatientWorker, ABC):
    """A process worker whose runs start warm and can be handed to the next worker.

    It refuses every run that is not of `installation`, before anything of it is loaded.
    """

    job_configuration = AskedConfiguration

    def __init__(self, *arguments: Any, installation: Installation, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._installation = installation
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
        tell = task_status or anyio.TASK_STATUS_IGNORED
        try:
            entrypoint = self._entrypoint_of(configuration)
        except RefusedInputError as error:
            await refuse_run(self.client, flow_run, error)
            tell.started(0)
            return ProcessWorkerResult(status_code=0, identifier="")

        with tempfile.TemporaryDirectory(prefix="tiercel-run-") as temporary:
            folder = configuration.working_dir or Path(temporary)
            async with FlowRunExecutorContext() as context:
                executor = context.create_executor(
                    flow_run,
                    starter_of(configuration, folder, context, entrypoint),
                    resolve_flow=resolver_of(entrypoint),
                    propose_submitting=False,
                )
                return await execute_or_hand_over(context, executor, flow_run, self._told, tell)

    def _entrypoint_of(self, configuration: ProcessJobConfiguration) -> str:
        """Return what a run loads, by what is installed; the server is not asked for that."""
        asked = configuration.asked if isinstance(configuration, AskedConfiguration) else None
        nothing = asked_run(FlowRun(flow_id=UUID(int=0)), None, None, None)
        return require_installed(asked or nothing, self._installation).entrypoint


async def execute_or_hand_over(
    context: FlowRunExecutorContext,
    executor: FlowRunExecutor,
    flow_run: FlowRun,
    told: asyncio.Event,
    task_status: anyio.abc.TaskStatus[int],
) -> ProcessWorkerResult:
    """Execute a run; as soon as it is told to, end its process and let another go on with it."""
    start, killed = _Start(), False
    ended: FlowRunExecutionResult | None = None

    async def execute() -> None:
        nonlocal ended
        ended = await executor.submit(task_status=start)
        start.over.set()
        if not told.is_set():
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(execute)
        await start.over.wait()
        if start.handle:
            task_status.started(start.handle.pid or 0)
            await told.wait()
            killed = await _killed(context, flow_run)
        if killed:
            # At once, before the executor sees how the process ended and calls it a crash.
            group.cancel_scope.cancel()
    if killed:
        await _reschedule(context.client, flow_run)
    if start.handle is None:
        task_status.started(0)  # there is no process; the run's state says why
    status = ended.status_code if ended and not killed else 0
    identifier = str(start.handle.pid) if start.handle else ""
    return ProcessWorkerResult(status_code=status or 0, identifier=identifier)


def resolver_of(entrypoint: str) -> Callable[[FlowRun], Awaitable[Flow[..., Any]]]:
    """Return what finds a run's flow, for hooks, by what is installed."""

    async def resolve_flow(_: FlowRun) -> Flow[..., Any]:
        return await asyncio.to_thread(
            load_flow_from_entrypoint, entrypoint, use_placeholder_flow=False
        )

    return resolve_flow


class _Start(anyio.abc.TaskStatus[ProcessHandle]):
    """The start of a run's process: when it is over there is a handle, or there is no process.

    Whoever ended the run while its process is being started would not find it, and it would
    go on unseen.
    """

    def __init__(self) -> None:
        self.handle: ProcessHandle | None = None
        self.over = anyio.Event()

    def started(self, value: ProcessHandle | None = None) -> None:
        self.handle = value
        self.over.set()


def starter_of(
    configuration: ProcessJobConfiguration,
    folder: Path,
    context: FlowRunExecutorContext,
    entrypoint: str,
) -> ProcessStarter:
    """Return what starts a run of a flow: a fork, unless a command is installed for it."""
    if names_a_command(configuration):
        return EngineCommandStarter(
            entrypoint=entrypoint,
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
    return WarmStarter(environment, folder, context.control_channel, entrypoint)


async def _killed(context: FlowRunExecutorContext, flow_run: FlowRun) -> bool:
    """End the process of a run that another worker will go on with; False if it has just ended.

    The process has to know before it gets SIGTERM that the run's next state is none of its
    business. One that did not answer is killed at once, because it could claim a state.
    """
    answer = await context.control_channel.signal(flow_run.id, "reschedule")
    if answer is ControlSignalStatus.ALREADY_CONCLUDED:
        return False
    acknowledged = answer is ControlSignalStatus.ACKNOWLEDGED
    await context.process_manager.kill(flow_run.id, force=not acknowledged)
    return True


async def _reschedule(client: PrefectClient, flow_run: FlowRun) -> None:
    """Let another worker go on with a run, when its process gives no sign of life any more.

    After a sign of life that follows "AwaitingRetry" the server would take a run that waits for
    a worker for a dead one. What has ended is left alone; a crash is no end, somebody may only
    have feared for the run.
    """
    try:
        state = (await client.read_flow_run(flow_run.id)).state
        if state is None or not state.is_final() or state.is_crashed():
            await propose_state(client, AwaitingRetry(), flow_run_id=flow_run.id)
    except (Abort, Pause, httpx.HTTPError) as error:
        _logger.warning("run %s is not handed over: %r", flow_run.name, error)
