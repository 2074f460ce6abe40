"""All that Tiercel uses of Prefect's private parts: nothing else imports or overrides any.

They are what `prefect flow-run execute`, Prefect's workers and `prefect deploy` are made of, and no
public interface: any version may change them, so the version of Prefect is held
(docs/understand/decisions/0012-runs-forked-by-the-worker.md).
`tests/architecture/test_prefect_internals.py` says of any version by name what it broke.
"""

from __future__ import annotations

from abc import ABC
from uuid import UUID

import httpx
from prefect.cli.deploy._models import (
    ConcurrencyLimitSpec,
    DeploymentConfig,
    PrefectYamlModel,
    RawScheduleConfig,
    WorkPoolConfig,
)
from prefect.client.schemas.objects import FlowRun
from prefect.logging import get_logger
from prefect.runner._control_channel import ControlChannel, ControlSignalStatus
from prefect.runner._flow_run_executor import (
    FlowRunExecutionResult,
    FlowRunExecutor,
    FlowRunExecutorContext,
    ProcessStarter,
)
from prefect.runner._process_manager import ProcessHandle, create_isolated_termination_scope
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

__all__ = [
    "ENGINE",
    "ConcurrencyLimitSpec",
    "ControlChannel",
    "ControlSignalStatus",
    "DeploymentConfig",
    "EngineCommandStarter",
    "FlowRunExecutionResult",
    "FlowRunExecutor",
    "FlowRunExecutorContext",
    "PatientWorker",
    "PrefectYamlModel",
    "ProcessHandle",
    "ProcessStarter",
    "RawScheduleConfig",
    "WorkPoolConfig",
    "create_isolated_termination_scope",
    "engine_environment",
    "names_a_command",
]

ENGINE = "prefect.engine"
"""The module that, run as a program, executes the flow run of its environment."""

_logger = get_logger("tiercel.worker")


def engine_environment(flow_run_id: UUID, port: int, token: str, entrypoint: str) -> dict[str, str]:
    """Return what tells the engine its run, what it loads, and where its worker speaks to it."""
    return {
        "PREFECT__FLOW_RUN_ID": str(flow_run_id),
        "PREFECT__FLOW_ENTRYPOINT": entrypoint,
        "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
        "PREFECT__CONTROL_PORT": str(port),
        "PREFECT__CONTROL_TOKEN": token,
    }


def names_a_command(configuration: ProcessJobConfiguration) -> bool:
    """Return whether the work pool or the deployment says which command executes its runs."""
    return configuration._command_configured  # noqa: SLF001 - nothing else tells it


class PatientWorker(ProcessWorker, ABC):
    """A process worker that a refused call of the server does not end, nor any of its runs.

    Prefect's own lets the error through. `ABC` keeps Prefect from registering this in place of
    its own worker of the type.
    """

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Leave a run for the next poll if the server refuses a call before it is taken."""
        try:
            await super()._submit_run(flow_run)
        except httpx.HTTPError as error:
            _logger.warning("run %s is not taken yet: %r", flow_run.name, error)
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)
            if self._cancelling_observer is not None:
                self._cancelling_observer.remove_in_flight_flow_run_id(flow_run.id)

    async def _cancel_run(self, flow_run_id: UUID) -> None:
        """Leave a run that waits for its process as it is if the server refuses a call."""
        try:
            await super()._cancel_run(flow_run_id)
        except httpx.HTTPError as error:
            _logger.warning("run %s is not cancelled yet: %r", flow_run_id, error)
