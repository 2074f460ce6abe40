"""The stacks that run a release: who changed them, and what of them drifted."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.drift.decisions import drift_of_stack, not_looked_at
from tiercel.domain.drift.observations import StackDrift
from tiercel.domain.drift.report import DriftFinding
from tiercel.domain.release.live import Live, StackSeen
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.ledger import read_live_releases
from tiercel.tasks.stack.drift import detect_stack_drift
from tiercel.tasks.stack.stacks import look_at_stacks


async def look_at_live_stacks(target: ReleaseTarget) -> tuple[int, list[DriftFinding]]:
    """Return at how many stacks was looked, and what is not as it was released."""
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
    found = await each(pairs, lambda pair: _of_one(target, *pair))
    return len(lives), [one for findings in found for one in findings]


async def _of_one(target: ReleaseTarget, live: Live, seen: StackSeen) -> Sequence[DriftFinding]:
    production = target.names.environment.production
    drift: StackDrift | None = None
    unseen: list[DriftFinding] = []
    if seen.exists:
        try:
            drift = await call(detect_stack_drift, target.auditor, live.stack)
        except TiercelError as error:
            why = f"{error.what}: {error.why}" if error.why else error.what
            unseen = [not_looked_at(live.stack, "resources", why)]
    return [*drift_of_stack(live, seen, drift, production=production), *unseen]
