"""What a shadow drill rebuilds: what production told that it has live, from those very commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from prefect import get_run_logger

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.drill.rules import of_another_source
from tiercel.domain.drill.shadow import LiveService, as_shadow, parted, plan_shadow
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.live_export import LiveArtifact, live_key, not_told
from tiercel.flows.drill.approval import show_plan
from tiercel.flows.drill.artifacts import find_gone, whole_again
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.ephemeral.coming_up import FIXED_NAME
from tiercel.flows.release.preparation import (
    PreparedCommit,
    ReleaseTarget,
    read_source_trees,
    require_repository,
)
from tiercel.tasks.records.live_export import read_live_export
from tiercel.tasks.source.fetch import fetch_commit
from tiercel.tasks.source.repository import Commit
from tiercel.tasks.source.services import load_services
from tiercel.tasks.teardown.inventory import Looker, take_inventory
from tiercel.tasks.verification.template_checks import require_names_on_demand

_Described = Mapping[tuple[str, str], tuple[Commit, Topology]]
"""By repository and commit, what that is and what it describes."""


@dataclass(frozen=True)
class ShadowPart:
    """One stack of a shadow: its commit on the way to its environment, and its service."""

    prepared: PreparedCommit
    service: Service


async def planned_shadow(topology: Topology, target: ReleaseTarget, production: str) -> DrillPlan:
    """Return the plan for what production says that it has live, which is shown.

    Raises RefusedInputError if it has told nothing, and if nothing of it can be rebuilt beside.
    """
    names = target.names
    exported = await call(read_live_export, target.records, production)
    if exported is None:
        raise not_told(production, f"s3://{target.records.bucket}/{live_key(production)}")
    described = await _described(
        topology, [(one.repository, one.commit) for one in exported.artifacts]
    )

    async def look(one: LiveArtifact) -> LiveService:
        commit, there = described[one.repository, one.commit]
        service = _service(topology, there, one.service, production)
        return LiveService(one, service, await _fixed(commit, service, target) if service else "")

    found = await each(exported.artifacts, look)
    parts, left_out = parted(found, topology.on_demand.share)
    account = await call(take_inventory, Looker(target.auditor, target.destroyer), [])
    plan = plan_shadow(names, account.alias, production, parts, left_out)
    for one in left_out:
        get_run_logger().warning("%s is left out: %s", one.service, one.why)
    await show_plan(target, plan)
    return plan


async def stack_parts(
    topology: Topology, target: ReleaseTarget, plan: DrillPlan
) -> dict[str, ShadowPart]:
    """Return what each stack of a plan is made from, by stack, each artifact whole.

    An artifact of which a part is gone is built again from git, and has to be the very same.
    """
    described = await _described(topology, [(one.repository, one.commit) for one in plan.stacks])
    parts = {}
    for one in plan.stacks:
        commit, there = described[one.repository, one.commit]
        service = _service(topology, there, one.service, plan.shadow_of)
        if service is None:
            raise of_another_source(one.service, one.name, one.repository, one.commit)
        mine = topology.with_services({service.name: service})
        prepared = PreparedCommit(topology=mine, target=target, commit=commit, trees={}, branch="")
        parts[one.name] = ShadowPart(prepared, service)
    for gone in await find_gone(target, plan.stacks):
        prepared = parts[gone.name].prepared
        trees = await read_source_trees(prepared.commit, prepared.topology)
        await whole_again(replace(prepared, trees=trees), gone)
    return parts


async def _described(topology: Topology, wanted: Iterable[tuple[str, str]]) -> _Described:
    keys = sorted(set(wanted))

    async def load(key: tuple[str, str]) -> tuple[Commit, Topology]:
        repository, sha = key
        commit = await call(fetch_commit, require_repository(repository, topology), sha, "")
        return commit, await call(load_services, commit, topology)

    return dict(zip(keys, await each(keys, load), strict=True))


def _service(topology: Topology, described: Topology, name: str, production: str) -> Service | None:
    """Return a service as a commit describes it, with what it gets in the shadow."""
    service = described.services.get(name)
    if service is None:
        return None
    named = topology.drills.prod_parameters
    return as_shadow(service, production, topology.verifying.name, named)


async def _fixed(commit: Commit, service: Service, target: ReleaseTarget) -> str:
    """Return which names a template fixes, which two environments cannot both have."""
    try:
        await call(require_names_on_demand, commit, service, target.names)
    except RefusedInputError as error:
        if error.code != FIXED_NAME:
            raise
        return f"{error.what}: {'; '.join(error.why.splitlines())}"
    return ""
