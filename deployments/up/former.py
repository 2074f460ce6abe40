"""Deployments of an earlier version, which were called after their environment alone.

Six of them in a row read `preprod` in Prefect's lists. Prefect renames none, so each is made anew
under its own name, gets what somebody had chosen for the old one, and the old one goes.
"""

from __future__ import annotations

from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, StateType
from prefect.client.schemas.responses import DeploymentResponse

from tiercel.deployments.up.changes import ServerChange


def former_name(flow: str, entry: dict[str, Any]) -> str:
    """Return what an earlier version called the deployment of a flow in prefect.yaml."""
    return f"{flow}/{entry['work_pool']['name']}"


async def retire(
    client: PrefectClient, name: str, former: DeploymentResponse, now: str
) -> ServerChange:
    """Delete a deployment whose work another one does now, so that no schedule runs twice.

    As long as runs of it are open it is kept, paused: the server would forget those that wait.
    """
    await client.pause_deployment(former.id)
    if count := await _open_runs(client, former):
        what = f"paused, because {count} of its runs are open: repeat this once they have ended"
        return ServerChange("deployment", name, what)
    await client.delete_deployment(former.id)
    return ServerChange("deployment", name, f"deleted: it is {now} now")


async def _open_runs(client: PrefectClient, deployment: DeploymentResponse) -> int:
    """Return how many runs have not ended; those of schedules are gone since it was paused."""
    unfinished = FlowRunFilterState(
        type=FlowRunFilterStateType(any_=[*(set(StateType) - TERMINAL_STATES)])
    )
    runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]), state=unfinished
        )
    )
    return len(runs)
