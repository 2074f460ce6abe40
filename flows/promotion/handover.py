"""How one flow starts the next: as a run of its deployment, unless one is under way."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, StateType
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound

from tiercel.domain.organization.names import deployment_of
from tiercel.domain.organization.topology import PREPROD
from tiercel.flows.release.preparation import PreparedCommit

DEPLOY_TO_PREPROD = deployment_of("deploy-to-preprod", PREPROD)
_GOING_ON = set(StateType) - TERMINAL_STATES - {StateType.CANCELLING}
"""A run that is being cancelled does nothing more of what was asked for."""


async def start_deploy(prepared: PreparedCommit) -> None:
    """Ask Prefect for a run that deploys the commit, unless one is under way.

    A run that has ended, in whatever way, keeps no later one from being made.
    """
    commit, logger = prepared.commit, get_run_logger()
    parameters = {"repository": commit.repository, "commit": commit.sha}
    try:
        under_way = await _under_way(parameters)
        run = under_way or await _started(parameters)
    except ObjectNotFound:
        logger.warning(
            "there is no deployment %s: deploy by `tiercel deploy %s %s`",
            DEPLOY_TO_PREPROD,
            commit.repository,
            commit.sha,
        )
        return
    already = "under way already, " if under_way else ""
    logger.info("deploy: %sflow run %s (%s)", already, run.name, run.state_name)


async def _under_way(parameters: dict[str, Any]) -> FlowRun | None:
    """Return a run of the deployment that has the same parameters and goes on."""
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(DEPLOY_TO_PREPROD)
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*_GOING_ON])),
            )
        )
    return next((run for run in runs if run.parameters == parameters), None)


async def _started(parameters: dict[str, Any]) -> FlowRun:
    """Return a run that goes on, and is the same for everybody who asks at this moment.

    The idempotency key names the run before it: the merge that is announced twice at once gives
    one run, and what a cancelled run left is deployed by the next.
    """
    wanted = f"{DEPLOY_TO_PREPROD} {parameters['repository']}@{parameters['commit']}"
    before = "none"
    while True:
        run = await arun_deployment(
            DEPLOY_TO_PREPROD,
            parameters=parameters,
            idempotency_key=f"{wanted} after {before}",
            timeout=0,
            as_subflow=False,
        )
        if run.state is None or not (run.state.is_final() or run.state.is_cancelling()):
            return run
        before = str(run.id)
