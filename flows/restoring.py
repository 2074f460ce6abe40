"""Going back: an earlier release of the ledger is released again, from what the ledger has."""

from __future__ import annotations

from prefect import get_run_logger

from domain.errors import SmokeTestFailedError, TiercelError
from domain.ledger import Intent, Release
from domain.manifest import Manifest
from domain.rollback import release_before, restoring
from flows.concurrency import call
from flows.preparation import ReleaseTarget
from flows.release import IsOlder, release
from flows.results import Released
from tasks.artifacts import read_artifact
from tasks.ledger import read_history


async def release_or_restore(
    target: ReleaseTarget, wanted: Intent, manifest: Manifest, is_older: IsOlder
) -> Released:
    """Release; if the smoke test fails, bring back what ran before, and fail all the same."""
    try:
        return await release(target, wanted, manifest, is_older)
    except SmokeTestFailedError as failure:
        raise await _restored(target, wanted.stack, failure) from failure


async def restore(target: ReleaseTarget, earlier: Release) -> Released:
    """Release an earlier release of the same stack again; its repository is not asked."""
    intent = earlier.intent
    manifest = await call(
        read_artifact, target.orchestrator, target.bucket,
        intent.service, intent.artifact_id, intent.artifact_digest,
    )  # fmt: skip
    return await release(target, restoring(earlier), manifest)


async def _restored(
    target: ReleaseTarget, stack: str, failure: SmokeTestFailedError
) -> SmokeTestFailedError:
    """Bring back the release before the failed one; return the failure with what became of it."""
    history = await call(read_history, target.orchestrator, target.bucket, stack)
    before = release_before(history)
    if before is None:
        return failure
    number = before.intent.number
    get_run_logger().warning("%s: going back to release %d", before.intent.service, number)
    try:
        restored = await restore(target, before)
    except TiercelError as second:
        state = f"{failure.state}; going back to release {number} failed as well: {second.what}"
        remedy = f"correct what keeps release {number} from being restored: {second.remedy}"
    else:
        again = restored.release.intent.number
        state = f"the stack runs release {number} again, as release {again}"
        remedy = failure.remedy
    return SmokeTestFailedError(
        failure.what, where=failure.where, why=failure.why, state=state, remedy=remedy
    )
