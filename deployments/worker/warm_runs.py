"""Starts the processes of flow runs by forking one that has everything imported already.

To import Prefect, boto3 and the flows takes seconds of processor time, a fork takes
milliseconds and shares their memory. What is forked is the standard library's forkserver: a
process with one thread that does nothing else. It has what was installed when the worker
started, so a worker has to be restarted after an upgrade.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import anyio
import anyio.abc
import anyio.to_thread
from prefect.client.schemas.objects import FlowRun
from prefect.context import refresh_global_settings_context

from tiercel.deployments.prefect_internals import (
    ENGINE,
    ControlChannel,
    ProcessHandle,
    create_isolated_termination_scope,
    engine_environment,
)

_FORKS = multiprocessing.get_context("forkserver")
IMPORTED = [
    ENGINE,
    "prefect.flow_engine",
    "tiercel.deployments.worker.worker",
    "tiercel.flows.candidate",
    "tiercel.flows.check",
    "tiercel.flows.deploy",
    "tiercel.flows.detect_drift",
    "tiercel.flows.ephemeral_down",
    "tiercel.flows.ephemeral_up",
    "tiercel.flows.follow",
    "tiercel.flows.plan_promotion",
    "tiercel.flows.promote",
    "tiercel.flows.provision",
    "tiercel.flows.publish",
    "tiercel.flows.reap",
    "tiercel.flows.rebuild_from_scratch",
    "tiercel.flows.rollback",
    "tiercel.flows.shadow_drill",
    "tiercel.flows.verify",
    "tiercel.flows.verify_merge_group",
    "tiercel.deployments.worker.read_beforehand",
]
"""What every run needs, in this order; tests/architecture compares the flows with prefect.yaml."""


@contextmanager
def warm_runs() -> Iterator[None]:
    """Start the process that is forked, so that no run has to wait for it, and end it."""
    _FORKS.set_forkserver_preload(IMPORTED)
    multiprocessing.forkserver.ensure_running()
    try:
        yield
    finally:
        # They would end by themselves, but only after the worker: whoever stopped it would
        # see processes that are left.
        multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]  # noqa: SLF001
        multiprocessing.resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # noqa: SLF001


class WarmStarter:
    """Starts Prefect's engine for one flow run: a process starter of Prefect's runner.

    The engine loads `entrypoint`, whatever the run's deployment says by then. `environment` is
    all that the run's process has. It leads a process group of its own, so that a signal to the
    group reaches what it started and nobody else.
    """

    def __init__(
        self,
        environment: dict[str, str],
        folder: Path,
        control_channel: ControlChannel,
        entrypoint: str,
    ) -> None:
        self._environment = environment
        self._folder = folder
        self._control_channel = control_channel
        self._entrypoint = entrypoint

    async def start(
        self,
        flow_run: FlowRun,
        task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Start the process, tell its handle, and return when it has ended."""
        port, token = self._control_channel.register(flow_run.id)
        told = engine_environment(flow_run.id, port, token, self._entrypoint)
        environment = self._environment | told
        try:
            process = await anyio.to_thread.run_sync(_started, environment, self._folder)
        except BaseException:
            self._control_channel.unregister(flow_run.id)
            raise
        scope = create_isolated_termination_scope(process.pid or 0)
        # Prefect's type names its own kind of process, and what it asks both have.
        task_status.started(ProcessHandle(process, scope))  # type: ignore[arg-type]
        await anyio.to_thread.run_sync(process.join, abandon_on_cancel=True)


def _started(environment: dict[str, str], folder: Path) -> ForkServerProcess:
    """Return the process when it leads its group: before, no signal would reach it."""
    leads, tells = _FORKS.Pipe(duplex=False)
    with leads, tells:
        process = _FORKS.Process(target=_be_the_engine, args=(environment, folder, tells))
        process.start()
        tells.close()
        leads.recv_bytes()
    return process


def _be_the_engine(environment: dict[str, str], folder: Path, leads: Connection) -> None:
    """Be what `python -m prefect.engine` is with this environment, in this folder."""
    os.setsid()
    leads.send_bytes(b"")
    leads.close()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    refresh_global_settings_context()
    sys.argv = [ENGINE]
    runpy.run_module(ENGINE, run_name="__main__", alter_sys=True)
