"""Candidates on stacks of their own: an environment on demand for each branch that brings some."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.contents import needs_of
from tiercel.domain.ephemeral.environments import (
    CANDIDATES_OWNER,
    EphemeralRecord,
    EphemeralState,
    EphemeralWish,
    OriginKind,
    came_up,
    in_state,
)
from tiercel.domain.ephemeral.origins import Origin
from tiercel.domain.gitflow.branches import BranchRole, role_in
from tiercel.flows.engine.concurrency import call
from tiercel.flows.ephemeral.coming_up import (
    FIXED_NAME,
    in_its_place,
    place_taken,
    prepared_on_demand,
)
from tiercel.flows.ephemeral.going_down import take_down
from tiercel.flows.ephemeral.pages import report_environments
from tiercel.flows.promotion.candidates import release_candidates
from tiercel.flows.release.github import address_of, as_github_deployment
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.results import Released
from tiercel.tasks.records.ephemeral import change_environment


async def on_demand_for(prepared: PreparedCommit, due: Collection[str]) -> PreparedCommit | None:
    """Return the commit as it goes to an environment on demand; None if it cannot go to one.

    What is due goes there with all that it depends on. A service whose template fixes names, or
    whose stack is shared, is verified in the verifying environment's own stack, and with it all
    that is due: they are to be tested together.
    """
    topology, repository = prepared.topology, prepared.commit.repository
    shared = sorted(set(due) & set(topology.on_demand.share))
    name = Origin(OriginKind.CANDIDATE, prepared.branch).name(repository)
    try:
        if not shared:
            return await prepared_on_demand(
                topology, name, prepared.commit, prepared.branch, tuple(sorted(due))
            )
    except RefusedInputError as error:
        if error.code != FIXED_NAME:
            raise
        why = f"{error.what}: {error.why}"
    else:
        why = f"[ephemeral] shares {', '.join(shared)}"
    environment = prepared.target.names.environment.name
    get_run_logger().warning("verified in %s's own stacks: %s", environment, why)
    return None


async def try_on_demand(
    elsewhere: PreparedCommit, manifests: Mapping[str, Manifest], due: Collection[str]
) -> dict[str, Released]:
    """Release what is due as candidates to an environment on demand, smoke tests included.

    The environment stays for those who want to look: it goes with the branch, or when its time is
    over. That of production's own branch, which never goes, is taken down here.
    """
    record = await _place_of(elsewhere)
    express = elsewhere.topology.on_demand.express
    placed = in_its_place(elsewhere, record, express=express)
    released = await as_github_deployment(
        placed, lambda: release_candidates(placed, manifests, due)
    )
    record = await _came_up(placed, record, released)
    if role_in(placed.topology, placed.branch) is BranchRole.PRODUCTION:
        await take_down(placed.target, record, express=express)
    await report_environments(placed.target)
    return {name: released[name] for name in due}


async def _place_of(elsewhere: PreparedCommit) -> EphemeralRecord:
    target, commit = elsewhere.target, elsewhere.commit
    origin = Origin(OriginKind.CANDIDATE, elsewhere.branch)
    wish = EphemeralWish(
        name=origin.name(commit.repository),
        owner=CANDIDATES_OWNER,
        purpose=f"to verify {elsewhere.branch}",
        origin=origin.kind,
        origin_of=origin.of,
        repository=commit.repository,
        commit=commit.sha,
        services=needs_of(elsewhere.topology.services),
        flow_run=target.run,
        borrows=tuple(elsewhere.lent),
    )
    return await place_taken(target, wish, elsewhere.topology.on_demand)


async def _came_up(
    placed: PreparedCommit, record: EphemeralRecord, released: Mapping[str, Released]
) -> EphemeralRecord:
    """Record that the environment is up; what went down meanwhile is taken down once more.

    Its candidates are verified all the same: the ledger has their verdicts.
    """
    target, run, address = placed.target, record.flow_run, address_of(placed, released)
    try:
        return await call(
            change_environment, target.records, record.name,
            lambda found: came_up(found or record, address, run),
        )  # fmt: skip
    except RefusedInputError as error:
        get_run_logger().warning("taken down meanwhile: %s", error.what)
        await take_down(target, record, express=target.express)
        return in_state(record, EphemeralState.GONE, record.generation)
