"""What a server says of a run, kept as it was when the run's configuration was made of it."""

from __future__ import annotations

from uuid import UUID

from prefect.client.schemas.objects import Flow as FlowRecord
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.workers.process import ProcessJobConfiguration
from pydantic import PrivateAttr

from tiercel.deployments.installation import AskedRun


class AskedConfiguration(ProcessJobConfiguration):
    """A run's configuration that keeps what the server said when it was made.

    What is compared is then what is used: nobody can change it in between.
    """

    _asked: AskedRun | None = PrivateAttr(default=None)

    @property
    def asked(self) -> AskedRun | None:
        """What the server said of the run."""
        return self._asked

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: FlowRecord | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        """Keep what the server said, and prepare the configuration as Prefect does."""
        self._asked = asked_run(flow_run, deployment, flow, work_pool)
        super().prepare_for_flow_run(
            flow_run, deployment, flow, work_pool, worker_name, worker_id=worker_id
        )


def asked_run(
    flow_run: FlowRun,
    deployment: DeploymentResponse | None,
    flow: FlowRecord | None,
    work_pool: WorkPool | None,
) -> AskedRun:
    """Return what a server's records say of a run."""
    return AskedRun(
        flow=flow.name if flow else "",
        deployment=deployment.name if deployment else "",
        entrypoint=(deployment.entrypoint if deployment else "") or "",
        pull_steps=tuple((deployment.pull_steps if deployment else None) or ()),
        deployment_variables=(deployment.job_variables if deployment else None) or {},
        run_variables=flow_run.job_variables or {},
        template=work_pool.base_job_template if work_pool else {},
    )
