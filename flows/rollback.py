"""roll_back: an earlier release of a stack runs again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tiercel.domain.base.digests import ArtifactId
from tiercel.domain.base.errors import RefusedInputError, TiercelError, UnreachableError
from tiercel.domain.gates.holds import require_rollback_allowed
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.entries import Entry
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.rollback import (
    begun_by,
    nothing_before,
    number_running,
    release_before,
    require_restorable,
    rolled_back_notice,
)
from tiercel.flows.engine.concurrency import both, call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.flows.engine.notices import tell
from tiercel.flows.engine.parameters import (
    EarlierReleaseParameter,
    EnvironmentParameter,
    RevertDriftParameter,
    StackParameter,
)
from tiercel.flows.promotion.live_export import telling_what_is_live
from tiercel.flows.release.pages import report_rollback
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.release.restoring import restore, without_candidate
from tiercel.flows.release.results import Released
from tiercel.tasks.records.holds import read_hold
from tiercel.tasks.records.ledger import no_release, read_history, read_release
from tiercel.tasks.records.rejections import read_rejections_that_count
from tiercel.tasks.source.services import load_topology
from tiercel.tasks.source.topology_file import config_path
from tiercel.tasks.stack.stacks import observe_stack


@lifecycle_flow("roll-back", "roll back")
async def roll_back(
    environment: EnvironmentParameter,
    stack: StackParameter,
    release: EarlierReleaseParameter = 0,
    revert_drift: RevertDriftParameter = False,  # noqa: FBT002 - a check box of the form
) -> Released:
    """Release an earlier release of a stack again: its artifact, template and parameters.

    Everything comes from the environment's own ledger and artifacts, nothing from git.

    Args:
        environment: The environment that the stack belongs to.
        stack: The stack, as `tiercel status` names it.
        release: The release to go back to; 0 for the last good one before what runs now.
        revert_drift: Bring back what was changed past CloudFormation, too. With the release that
            runs this is all that is done.
    """
    topology = await call(load_topology, config_path())
    target = replace(_target(topology, environment, stack), revert_drift=revert_drift)
    await tag_flow_run(environment, stack)
    if target.names.environment.promotes_from:
        require_rollback_allowed(await call(read_hold, target.records), environment)
    history, rejected = await both(
        call(read_history, target.records, stack),
        call(read_rejections_that_count, target, target.source, stack),
    )
    number = release or begun_by(history, target.run)
    earlier = await (
        _named(target, stack, number) if number else _before(target, stack, history, rejected)
    )
    require_restorable(earlier, rejected)
    async with telling_what_is_live(topology, target):
        restored = await _restored(target, stack, earlier)
    await report_rollback(target, restored)
    if restored.changed:
        asked = f"{restored.release.intent.requested_by} asked for it"
        tell(rolled_back_notice(restored.release, asked))
    return restored


async def _restored(target: ReleaseTarget, stack: str, earlier: Release) -> Released:
    try:
        return await restore(target, earlier)
    except UnreachableError:
        raise
    except TiercelError as failure:
        raise await without_candidate(target, stack, failure) from failure


def _target(topology: Topology, environment: str, stack: str) -> ReleaseTarget:
    target = ReleaseTarget.of(topology, environment)
    prefix = target.names.prefix
    if not stack.startswith(prefix):
        raise RefusedInputError(
            "rollback.stack_of_other_environment",
            f"stack {stack} is none of {environment}",
            where="parameter stack",
            why=f"the stacks of {environment} begin with {prefix}",
            state="nothing was called",
            remedy="see `tiercel status` for the stacks of every environment",
        )
    return target


async def _named(target: ReleaseTarget, stack: str, number: int) -> Release:
    found = await call(read_release, target.records, stack, number)
    if found is None:
        raise no_release(stack, number, target.records.bucket)
    return found


async def _before(
    target: ReleaseTarget, stack: str, history: list[Entry], rejected: Collection[ArtifactId]
) -> Release:
    seen = await call(observe_stack, target.deployer, stack)
    before = release_before(history, number_running(seen), rejected)
    if before is None:
        raise nothing_before(stack)
    return before
