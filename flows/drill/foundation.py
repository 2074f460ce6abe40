"""The RuntimeAccount's own resources go and come back with Terraform, while no stack is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.foundation import (
    TARGETS,
    foundation_of,
    foundation_stays,
    require_approved_creation,
    require_approved_destruction,
    require_nothing_on_demand,
)
from tiercel.domain.drill.plan import Foundation
from tiercel.domain.drill.record import DrillStep, Phase
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.drill.under_way import Drill, failed_step
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.terraform_root import initialized_root
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.accounts.administrators import Administrators
from tiercel.tasks.accounts.check_sts import wait_for_roles
from tiercel.tasks.accounts.terraform import (
    apply_terraform,
    plan_destruction,
    plan_terraform,
    private_folder,
)
from tiercel.tasks.records.ephemeral import read_environments


@dataclass(frozen=True)
class Ground:
    """An environment's accounts, who administers them, and what says that they are in order."""

    topology: Topology
    names: Names
    administrators: Administrators
    check: Callable[[], Awaitable[object]]


async def plan_foundation(ground: Ground, target: ReleaseTarget) -> Foundation:
    """Return what is destroyed and made again; RefusedInputError if anything is against it."""
    if ground.topology.hosts_on_demand(ground.names.environment.name):
        found = await call(read_environments, target.records)
        require_nothing_on_demand(found.names_alive)
    with private_folder() as folder:
        root = await initialized_root(folder, ground.topology, ground.names, ground.administrators)
        wanted = await call(plan_terraform, root)
        destruction = await call(plan_destruction, root, TARGETS)
    return foundation_of(wanted.plan, destruction.plan)


async def renew_foundation(ground: Ground, drill: Drill) -> None:
    """Destroy what was approved and make it again; whatever a killed run has left is taken up.

    The check of the environment has to be green before stacks come back.
    """
    approved = drill.plan.foundation
    if approved is None or await drill.ended(Phase.APPLY_FOUNDATION):
        return
    if not _is_empty(drill):
        await leave_foundation(drill)
    if _stays(await drill.ended(Phase.BEGIN_FOUNDATION)):
        return
    with private_folder() as folder:
        root = await initialized_root(folder, ground.topology, ground.names, ground.administrators)
        if not await _destroyed(root, approved, drill):
            return
        began = datetime.now(UTC)
        file = await call(plan_terraform, root)
        require_approved_creation(approved, file.plan)
        if not file.plan.is_empty:
            await call(apply_terraform, root, file)
    target = drill.target
    await call(wait_for_roles, [target.deployer, target.auditor, target.destroyer])
    await ground.check()
    await _record(drill, Phase.APPLY_FOUNDATION, began)


async def leave_foundation(drill: Drill) -> None:
    """Write down that the account's own resources stay, unless a run has begun to destroy them."""
    if drill.plan.foundation is None or await drill.ended(Phase.DESTROY_FOUNDATION):
        return
    error: RefusedInputError = foundation_stays(drill.plan.environment)
    await drill.record(failed_step(Phase.BEGIN_FOUNDATION, "", datetime.now(UTC), error))


def foundation_is_done(drill: Drill) -> bool:
    """Tell whether the account's own resources were made again, or stay, as far as is known."""
    made = drill.done(Phase.APPLY_FOUNDATION)
    return made is not None or _stays(drill.done(Phase.BEGIN_FOUNDATION))


async def _destroyed(root: Path, approved: Foundation, drill: Drill) -> bool:
    """Destroy what was approved unless a run has done so; False if it stays, as a run decided."""
    began = datetime.now(UTC)
    file = await call(plan_destruction, root, TARGETS)
    # A run that made something again before this plan has ended this phase before; if one changes
    # something after it, Terraform does not apply this plan, as the state has moved.
    if await drill.ended(Phase.DESTROY_FOUNDATION):
        return True
    begun = await drill.ended(Phase.BEGIN_FOUNDATION) is not None
    require_approved_destruction(approved, file.plan, begun=begun)
    if _stays(await _record(drill, Phase.BEGIN_FOUNDATION, began)):
        return False
    began = datetime.now(UTC)
    if file.plan.changes:
        await call(apply_terraform, root, file)
    await _record(drill, Phase.DESTROY_FOUNDATION, began)
    return True


def _stays(begun: DrillStep | None) -> bool:
    return begun is not None and begun.failure is not None


def _is_empty(drill: Drill) -> bool:
    """Tell whether every stack of the plan is gone, and nothing else was found."""
    proven = drill.done(Phase.PROVE_EMPTY)
    everything = {one.name for one in drill.plan.stacks} == set(drill.deleted)
    return everything and proven is not None and proven.failure is None


async def _record(drill: Drill, phase: Phase, began: datetime) -> DrillStep:
    return await drill.record(DrillStep(phase=phase, began=began, ended=datetime.now(UTC)))
