"""The run that an event asks for: one for all who ask, and again for who asks again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterIdempotencyKey,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

from tiercel.domain.base.errors import WAITING_STATE, RefusedInputError, UnreachableError
from tiercel.domain.review.statuses import OUTDATED_STATE, REJECTED_STATE
from tiercel.domain.triggers.triggered_runs import (
    ASKED_AGAIN,
    MOST_ATTEMPTS,
    AttemptStatus,
    WantedRun,
    begun_anew,
)
from tiercel.flows.engine.naming import legal_tags

_COMPLETED_AS = {
    WAITING_STATE: AttemptStatus.WAITING,
    REJECTED_STATE: AttemptStatus.REJECTED,
    OUTDATED_STATE: AttemptStatus.OUTDATED,
}
"""By the name of a state that is a completed one under another name."""

StartRun = Callable[[str, dict[str, Any], str], Awaitable[FlowRun]]
"""Makes a run of a deployment with these parameters; one for all who give the same key."""


async def wanted_run_of(
    client: PrefectClient, wanted: WantedRun, start: StartRun, tries: int = 1
) -> tuple[FlowRun, bool]:
    """Return the run that is wanted, and whether it was there already.

    Runs that failed count as the wanted one from the given number of them on; one that was undone
    since or is outdated counts no more. What became of the run that it started by itself is what
    became of it. Two who ask at the same moment get the same run: the attempt's number is part of
    its idempotency key. Raises what `start` raises, RefusedInputError after a hundred attempts.
    """
    attempts = await _attempts(client, wanted.key)
    undone = bool(attempts and wanted.undone_by) and await _is_undone(client, wanted, attempts[-1])
    statuses = [attempt_status(one) for one in attempts]
    if attempts:
        statuses[-1] = attempt_status(await standing_run(client, wanted, attempts[-1]))
    if not begun_anew(
        statuses, tries, undone=undone, goes_on=wanted.goes_on, looks_again=wanted.looks_again,
        repeats=wanted.repeats,
    ):  # fmt: skip
        return attempts[-1], True
    if len(attempts) == MOST_ATTEMPTS:
        raise _too_often(wanted)
    key = wanted.key(len(attempts))
    return await start(wanted.deployment, dict(wanted.parameters), key), False


async def joined_or_started(
    client: PrefectClient, wanted: WantedRun, tries: int
) -> tuple[FlowRun, bool]:
    """Return the run that is wanted, and whether it was there already; else it is made now.

    Raises UnreachableError if there is no such deployment.
    """

    async def start(deployment: str, parameters: dict[str, Any], key: str) -> FlowRun:
        try:
            found = await client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            raise _not_deployed(deployment) from None
        return await client.create_flow_run_from_deployment(
            found.id, parameters=parameters, idempotency_key=key
        )

    return await wanted_run_of(client, wanted, start, tries)


async def following_run(
    client: PrefectClient, wanted: WantedRun, first: FlowRun | None
) -> FlowRun | None:
    """Return the run of `wanted.then` that the `first` run started or joined; None if none.

    It is one for the same parameters that had not ended when the first one was made.
    """
    deployment = await client.read_deployment_by_name(wanted.then)
    runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id])
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
    )
    made = first.created if first else None
    for run in runs:
        ended_before = made and run.end_time and run.end_time < made
        if run.parameters == wanted.parameters and not ended_before:
            return run
    return None


async def newest_run_of(client: PrefectClient, flow: str, tags: Iterable[str]) -> FlowRun | None:
    """Return the newest run of a flow that has all of these tags, None if there is none."""
    runs = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
        flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=sorted(legal_tags(tags)))),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=1,
    )
    return next(iter(runs), None)


async def run_after(
    client: PrefectClient, wanted: WantedRun, first: FlowRun | None, start: StartRun, tries: int
) -> FlowRun | None:
    """Return the run of `wanted.then` that follows the `first`; None if none does.

    A first run that finds everything live starts none. Who asks again is to hear what is live: for
    him it is made. Raises what `start` raises.
    """
    found = await following_run(client, wanted, first)
    if found or first is None or tries < ASKED_AGAIN:
        return found
    return await start(wanted.then, dict(wanted.parameters), f"after-{first.id}")


async def standing_run(client: PrefectClient, wanted: WantedRun, run: FlowRun) -> FlowRun:
    """Return the run that tells how a wanted one stands: that of `wanted.then` if it led to one."""
    if not wanted.then or attempt_status(run) is not AttemptStatus.SUCCEEDED:
        return run
    try:
        return await following_run(client, wanted, run) or run
    except ObjectNotFound:  # nothing is deployed under that name
        return run


async def _is_undone(client: PrefectClient, wanted: WantedRun, last: FlowRun) -> bool:
    """Tell whether the run that undoes it was made after the last attempt at it."""
    undoing = await _attempts(client, wanted.undoing_key)
    made = [one.created for one in undoing if one.created]
    return bool(made and last.created and max(made) > last.created)


async def _attempts(client: PrefectClient, key: Callable[[int], str]) -> list[FlowRun]:
    """Return the runs of the same subject, in the order of their attempts."""
    keys = [key(attempt) for attempt in range(MOST_ATTEMPTS)]
    found = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys)),
        limit=MOST_ATTEMPTS,
    )
    by_key = {run.idempotency_key: run for run in found}
    return [by_key[one] for one in keys if one in by_key]


def attempt_status(run: FlowRun) -> AttemptStatus:
    """Return what became of a run so far."""
    if run.state and (run.state.is_cancelling() or run.state.is_cancelled()):
        return AttemptStatus.CANCELLED  # it does nothing more of what was asked for
    if run.state is None or not run.state.is_final():
        return AttemptStatus.LIVE
    if run.state.is_completed():
        return _COMPLETED_AS.get(run.state.name or "", AttemptStatus.SUCCEEDED)
    return AttemptStatus.FAILED


def _not_deployed(deployment: str) -> UnreachableError:
    return UnreachableError(
        "event.no_deployment",
        f"nothing is deployed as {deployment}",
        where="the Prefect server",
        state="no run of it was started",
        remedy="see whether PREFECT_API_URL is that environment's server; if it is, bring its "
        "deployments there with `tiercel up --environment NAME`",
    )


def _too_often(wanted: WantedRun) -> RefusedInputError:
    return RefusedInputError(
        "event.too_often",
        f"the same event was tried {MOST_ATTEMPTS} times",
        where=f"deployment {wanted.deployment}",
        state="nothing was started",
        remedy="find out in Prefect why these runs fail; then start the flow by its own command",
    )
