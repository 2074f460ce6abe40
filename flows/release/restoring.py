"""Going back: an earlier release of the ledger is released again, from what the ledger has."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.base.errors import (
    SmokeTestFailedError,
    SupersededError,
    TiercelError,
    UnreachableError,
)
from tiercel.domain.gates.holds import require_rollback_allowed
from tiercel.domain.release.candidates import left_candidate, to_put_back
from tiercel.domain.release.entries import needed
from tiercel.domain.release.ledger import Intent, Purpose, Release, as_called_now
from tiercel.domain.release.rollback import (
    is_as_released,
    may_owe_a_way_back,
    release_to_restore,
    restoring,
    rolled_back_notice,
    way_back_left,
)
from tiercel.domain.stack.tokens import release_of
from tiercel.flows.engine.concurrency import both, call
from tiercel.flows.engine.notices import tell
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.release.results import Released
from tiercel.flows.release.sequence import IsOlder, Wish, release
from tiercel.flows.release.stack.lease import StackLease, lease_of
from tiercel.tasks.records.artifacts import read_artifact
from tiercel.tasks.records.holds import read_hold
from tiercel.tasks.records.ledger import newest_release, read_history, read_rejected_artifacts
from tiercel.tasks.records.rejections import read_rejections_that_count
from tiercel.tasks.stack.stacks import observe_stack


async def release_or_restore(wish: Wish) -> Released:
    """Release; if the smoke test fails, bring back what ran before, and fail all the same.

    Whatever fails leaves no candidate on the stack whose own run was killed.
    """
    try:
        return await release(wish)
    except SmokeTestFailedError as failure:
        raise await _restored(wish, failure) from failure
    except UnreachableError:
        raise  # nobody knows what the stack runs now
    except TiercelError as failure:
        raise await without_candidate(wish.target, wish.intent.stack, failure) from failure


async def restore(
    target: ReleaseTarget,
    earlier: Release,
    gives_way: IsOlder | None = None,
    purpose: Purpose = Purpose.ROLLBACK,
    lease: StackLease | None = None,
) -> Released:
    """Release an earlier release of the same stack again; its repository is not asked.

    A person who asks for it wants it whatever else was released; `gives_way` tells for which
    newer release it is left alone.
    """
    earlier = as_called_now(earlier, target.current_name)
    intent = earlier.intent
    manifest = await call(
        read_artifact, target.records,
        intent.service, intent.artifact_id, intent.artifact_digest,
    )  # fmt: skip
    return await release(
        Wish(target, restoring(earlier, purpose), manifest, gives_way, lease=lease)
    )


async def put_back(target: ReleaseTarget, stack: str, candidate_number: int = 0) -> Released | None:
    """Bring back what a candidate took the place of; None if the stack runs none.

    It is asked under the stack's lease: then no run is at work, and a candidate that is there was
    left by a run that ended. With a number only that candidate is meant. The newest good release
    that is there to stay is brought back; where there is none, the candidate stays until something
    is deployed.
    """
    records = target.records
    history = await call(read_history, records, stack)
    if left_candidate(history, None) is None:
        return None
    async with lease_of(target, stack) as lease:
        await lease.take()
        history = await call(read_history, records, stack)
        rejected = await call(read_rejected_artifacts, records, stack)
        found = await call(observe_stack, target.deployer, stack)
        newest = release_of(found.token) if found else None
        candidate = left_candidate(history, newest[0] if newest else None)
        if found is None or candidate is None:
            return None
        if candidate_number not in {0, candidate.intent.number}:
            return None
        before = to_put_back(history, rejected)
        if before is None:
            get_run_logger().warning(
                "%s: nothing good ran before candidate %d, which stays until the next deploy",
                stack, candidate.intent.number,
            )  # fmt: skip
            return None
        get_run_logger().info("%s: release %d comes back", stack, before.intent.number)
        return await restore(target, before, purpose=Purpose.RESTORATION, lease=lease)


async def finish_way_back(target: ReleaseTarget, stack: str, commit: str) -> Released | None:
    """Bring back what ran before a commit's promotion, whose run died after its smoke test failed.

    None if that is not so, or somebody else changed the stack since. Raises RefusedInputError while
    rollbacks are held.
    """
    records = target.records
    newest = await call(newest_release, records, stack)
    if newest is None or not may_owe_a_way_back(newest):
        return None
    history, rejected = await both(
        call(read_history, records, stack),
        call(read_rejections_that_count, target, target.source, stack),
    )
    before = way_back_left(history, commit, rejected)
    found = await call(observe_stack, target.deployer, stack) if before else None
    if before is None or found is None or not is_as_released(history, found.token):
        return None
    require_rollback_allowed(await call(read_hold, records), target.names.environment.name)

    async def asked_since(newer: Intent) -> bool:
        return newer.number > newest.intent.number

    get_run_logger().warning(
        "%s: its smoke test failed, and the run that was to go back has ended: going back to "
        "release %d", stack, before.intent.number,
    )  # fmt: skip
    return await restore(target, before, asked_since)


async def without_candidate(
    target: ReleaseTarget, stack: str, failure: TiercelError
) -> TiercelError:
    """Return a failure that left no candidate on the stack, with what became of one."""
    if target.names.environment.promotes_from:
        return failure  # candidates are never released where things are pulled to
    try:
        restored = await put_back(target, stack)
    except TiercelError as second:
        state = f"{failure.state}; a candidate that was left there is not put back: {second.what}"
        return failure.but(state=state, remedy=f"{failure.remedy}; {second.remedy}")
    if restored is None:
        return failure
    intent = restored.release.intent
    state = (
        f"{failure.state}; a candidate was left there, and the stack runs release "
        f"{intent.restores} again, as release {intent.number}"
    )
    return failure.but(state=state)


async def _restored(wish: Wish, failure: SmokeTestFailedError) -> SmokeTestFailedError:
    """Bring back the release before the failed one; return the failure with what became of it."""
    try:
        failed, before = await _way_back(wish)
    except TiercelError as unknown:
        state = f"{failure.state}; what ran before it is not known: {unknown.what}"
        return failure.but(state=state, remedy=f"{failure.remedy}; {unknown.remedy}")
    if before is None:
        return failure

    async def asked_since(newer: Intent) -> bool:
        return newer.number > failed

    number = before.intent.number
    get_run_logger().warning("%s: going back to release %d", before.intent.service, number)
    try:
        restored = await restore(wish.target, before, asked_since)
    except SupersededError as newer:
        state, remedy = f"{failure.state}; {newer.what}", failure.remedy
    except TiercelError as second:
        state = f"{failure.state}; going back to release {number} failed as well: {second.what}"
        remedy = f"correct what keeps release {number} from being restored: {second.remedy}"
    else:
        again = restored.release.intent.number
        tell(rolled_back_notice(restored.release, failure.what))
        state = f"the stack runs release {number} again, as release {again}"
        remedy = failure.remedy
    return failure.but(state=state, remedy=remedy)


async def _way_back(wish: Wish) -> tuple[int, Release | None]:
    """Return the failed release's number and the release to go back to, None without one.

    Only while the failed release is the newest: what somebody asked for since comes anyway.
    """
    target, wanted = wish.target, wish.intent
    history, rejected = await both(
        call(read_history, target.records, wanted.stack),
        call(read_rejections_that_count, target, target.source, wanted.stack),
    )
    newest = next(needed(history))
    failed = newest.intent.number
    before = release_to_restore(history, failed, rejected)
    return failed, before if newest.intent.business_key == wanted.business_key else None
