"""The run that an event asks for: one for all who ask, and again for who asks again."""

from __future__ import annotations

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterIdempotencyKey,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from tiercel.deployments.runs import start_run
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.gitflow.triggered_runs import (
    MOST_ATTEMPTS,
    AttemptStatus,
    WantedRun,
    begun_anew,
)


async def wanted_run_of(
    client: PrefectClient, wanted: WantedRun, *, asked_again: bool
) -> tuple[FlowRun, bool]:
    """Return the run that is wanted, and whether it was there already.

    Two who ask at the same moment get the same run: the attempt's number is part of its
    idempotency key. Raises UnreachableError if there is no such deployment, RefusedInputError for
    parameters that its form refuses, and after a hundred attempts.
    """
    attempts = await _attempts(client, wanted)
    if not begun_anew([_status_of(one) for one in attempts], asked_again=asked_again):
        return attempts[-1], True
    if len(attempts) == MOST_ATTEMPTS:
        raise _too_often(wanted)
    key = wanted.key(len(attempts))
    return await start_run(client, wanted.deployment, dict(wanted.parameters), key), False


async def following_run(
    client: PrefectClient, wanted: WantedRun, first: FlowRun | None
) -> FlowRun | None:
    """Return the run of `wanted.then` that the `first` run started or joined; None if none.

    It is one for the same parameters that had not ended when the first one began.
    """
    deployment = await client.read_deployment_by_name(wanted.then)
    runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id])
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
    )
    began = first.start_time if first else None
    for run in runs:
        ended_before = began and run.end_time and run.end_time < began
        if run.parameters == wanted.parameters and not ended_before:
            return run
    return None


async def _attempts(client: PrefectClient, wanted: WantedRun) -> list[FlowRun]:
    """Return the runs of the same subject, in the order of their attempts."""
    keys = [wanted.key(attempt) for attempt in range(MOST_ATTEMPTS)]
    found = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys)),
        limit=MOST_ATTEMPTS,
    )
    by_key = {run.idempotency_key: run for run in found}
    return [by_key[key] for key in keys if key in by_key]


def _status_of(run: FlowRun) -> AttemptStatus:
    if run.state is None or not run.state.is_final():
        return AttemptStatus.LIVE
    return AttemptStatus.SUCCEEDED if run.state.is_completed() else AttemptStatus.FAILED


def _too_often(wanted: WantedRun) -> RefusedInputError:
    return RefusedInputError(
        "event.too_often",
        f"the same event was tried {MOST_ATTEMPTS} times",
        where=f"deployment {wanted.deployment}",
        state="nothing was started",
        remedy="find out in Prefect why these runs fail; then start the flow by its own command",
    )
