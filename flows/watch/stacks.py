"""The stacks that run a release: who changed them, and what of them drifted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from prefect import get_run_logger

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.drift.decisions import drift_of_stack, found_before, not_looked_at
from tiercel.domain.drift.observations import StackDrift
from tiercel.domain.drift.report import DriftFinding
from tiercel.domain.release.live import Live, StackSeen
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.drift import KeptDrift
from tiercel.tasks.records.ledger import newest_release, read_live_releases
from tiercel.tasks.stack.drift import detect_stack_drift
from tiercel.tasks.stack.stacks import look_at_stacks


async def look_at_live_stacks(
    target: ReleaseTarget, kept: KeptDrift
) -> tuple[int, list[DriftFinding]]:
    """Return at how many stacks was looked, and what is not as it was released.

    Of a stack that a release changes just now it is what was `kept` of the look before.
    """
    prefix = target.names.stack_prefix
    lives = [
        one
        for one in await call(read_live_releases, target.records)
        if one.stack.startswith(prefix) and (one.running or one.unreadable)
    ]
    if not lives:
        return 0, []
    seen = await call(look_at_stacks, target.auditor, [one.stack for one in lives])
    pairs = list(zip(lives, seen, strict=True))
    found = await each(pairs, lambda pair: _of_one(target, kept, *pair))
    return len(lives), [one for findings in found for one in findings]


async def _of_one(
    target: ReleaseTarget, kept: KeptDrift, live: Live, seen: StackSeen
) -> Sequence[DriftFinding]:
    drift: StackDrift | None = None
    others: Sequence[DriftFinding] | None = None
    if seen.exists:
        try:
            drift = await call(detect_stack_drift, target.auditor, live.stack)
            others = await _found_before(target, kept, drift) if drift else None
        except TiercelError as error:
            why = f"{error.what}: {error.why}" if error.why else error.what
            others = [not_looked_at(live.stack, "resources", why)]
    looked = drift if others is None else None
    production = target.names.environment.production
    return [*drift_of_stack(live, seen, looked, production=production), *(others or ())]


async def _found_before(
    target: ReleaseTarget, kept: KeptDrift, drift: StackDrift
) -> Sequence[DriftFinding] | None:
    """Return what stands for a look at a stack under change; the ledger is asked as it is by now.

    A release may have begun since this look did.
    """
    if not (drift.at_work and drift.unseen):
        return None
    newest = await call(newest_release, target.records, drift.stack)
    within = timedelta(hours=target.names.environment.gates.drift_hours)
    before = found_before(drift, newest, kept.report, kept.now, within)
    if before is not None:
        get_run_logger().info(
            "%s: a release changes it just now: what the look before found stands", drift.stack
        )
    return before
