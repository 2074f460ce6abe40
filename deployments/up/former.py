"""Deployments of an earlier version, which were called after their environment alone.

Six of them in a row read `preprod` in Prefect's lists. Prefect renames none, so each is made anew
under its own name, gets what somebody had chosen for the old one, and the old one goes.
"""

from __future__ import annotations

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, DeploymentSchedule, StateType
from prefect.client.schemas.responses import DeploymentResponse

from tiercel.deployments.up.changes import ServerChange, schedule_place


async def handed_over(
    client: PrefectClient, former: DeploymentResponse, name: str, now: DeploymentResponse | None
) -> DeploymentResponse:
    """Return the deployment that does a former one's work, made as its copy unless it is there.

    The copy has from its beginning what somebody had chosen, and the former one is paused at once:
    no moment has the schedules of both, and nothing is lost where this ends.
    """
    if now is None:
        now = await _copied(client, former, name.partition("/")[2])
    await client.pause_deployment(former.id)
    return now


async def _copied(
    client: PrefectClient, former: DeploymentResponse, name: str
) -> DeploymentResponse:
    limit = former.global_concurrency_limit
    made = await client.create_deployment(
        former.flow_id,
        name,
        version=former.version,
        schedules=[same_schedule(one) for one in former.schedules],
        concurrency_limit=limit.limit if limit else None,
        concurrency_options=former.concurrency_options,
        parameters=former.parameters,
        description=former.description,
        work_pool_name=former.work_pool_name,
        tags=former.tags,
        path=former.path,
        entrypoint=former.entrypoint,
        parameter_openapi_schema=former.parameter_openapi_schema,
        paused=former.paused,
        pull_steps=former.pull_steps,
        enforce_parameter_schema=former.enforce_parameter_schema,
        job_variables=former.job_variables,
    )
    await _limit_schedules(client, former, await client.read_deployment(made))
    return await client.read_deployment(made)


async def _limit_schedules(
    client: PrefectClient, former: DeploymentResponse, copy: DeploymentResponse
) -> None:
    """Give a copy's schedules how many runs they plan: a new deployment's are made without."""
    pairs = zip(*(sorted(one.schedules, key=schedule_place) for one in (former, copy)), strict=True)
    for known, own in pairs:
        if known.max_scheduled_runs:
            await client.update_deployment_schedule(
                copy.id, own.id, max_scheduled_runs=known.max_scheduled_runs
            )


def same_schedule(schedule: DeploymentSchedule) -> DeploymentScheduleCreate:
    """Return what makes a schedule as this one is."""
    return DeploymentScheduleCreate(
        schedule=schedule.schedule,
        active=schedule.active,
        parameters=schedule.parameters,
        max_scheduled_runs=schedule.max_scheduled_runs,
        slug=schedule.slug,
    )


async def retire(
    client: PrefectClient, name: str, former: DeploymentResponse, now: str
) -> ServerChange:
    """Delete a deployment whose work another one does now: it is paused.

    As long as runs of it are open it is kept: the server would forget those that wait.
    """
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
