"""The lifecycle through the flows, and what Prefect alone takes for as many tasks.

Imports Prefect: `place.work_in` has to come first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from prefect import flow, task

from benchmarks.project import Project
from tiercel.cli.demo.timeline import read_steps
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.flows.deploy import deploy_to_preprod
from tiercel.flows.promote import promote_to_prod
from tiercel.flows.publish import publish_artifact
from tiercel.flows.verify import verify_pull_request


@dataclass
class FlowLifecycle:
    """The four flows on a project, each run in this process as the command does."""

    project: Project
    run_ids: dict[str, str] = field(default_factory=dict)

    def verify(self, number: int, commit: str) -> None:
        """Verify a pull request."""
        self._run("verify", verify_pull_request, number=number, commit=commit)

    def publish(self, commit: str) -> None:
        """Publish a commit of develop."""
        self._run("publish", publish_artifact, commit=commit, then_deploy=False)

    def deploy(self, commit: str) -> None:
        """Deploy it to Preprod."""
        self._run("deploy", deploy_to_preprod, commit=commit)

    def promote(self, commit: str, _version: str) -> None:
        """Promote a commit of main to Prod; the flow finds the version itself."""
        self._run("promote", promote_to_prod, commit=commit)

    def tasks(self) -> dict[str, int]:
        """Return how many task runs each step's newest flow run had."""
        return {step: len(read_steps([run])) for step, run in self.run_ids.items()}

    def _run(
        self, step: str, which: Callable[..., Coroutine[Any, Any, Any]], **parameters: Any
    ) -> None:
        finished = run_flow(
            which, Output(quiet=True), repository=self.project.repository, **parameters
        )
        self.run_ids[step] = finished.run_id


def bare_flow_run(tasks: int) -> None:
    """Run an empty async flow with so many empty tasks, awaited in threads one by one."""
    run_flow(_bare_flow, Output(quiet=True), tasks=tasks)


@flow(name="bare-flow")
async def _bare_flow(tasks: int) -> None:
    for _ in range(tasks):
        await asyncio.to_thread(_bare_task)


@task(name="bare task")
def _bare_task() -> None:
    """Do nothing."""
