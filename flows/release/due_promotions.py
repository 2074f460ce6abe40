"""Promotions that wait, of which a word or the end of their time calls for another run."""

from __future__ import annotations

from datetime import UTC, datetime

from tiercel.domain.approvals.overrides import with_overrides
from tiercel.domain.approvals.waiting import OpenWait, is_due, next_run
from tiercel.domain.gates.holds import HoldGate
from tiercel.domain.gates.windows import WindowGate
from tiercel.domain.organization.topology import Topology
from tiercel.domain.triggers.triggered_runs import WantedRun
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.release.words import approval_gate
from tiercel.tasks.records.holds import read_hold
from tiercel.tasks.records.promotion_plans import read_open_waits


async def due_promotions(topology: Topology, environment: str) -> list[WantedRun]:
    """Return the runs that go on with what waits in an environment, none if nothing can wait.

    Held, or outside of its hours, it is not gone on with: the run would only find that again.
    """
    target = ReleaseTarget.of(topology, environment)
    settings = target.names.environment.gates
    if not settings.approvals:
        return []
    waits: list[OpenWait] = await call(read_open_waits, target.records)
    if not waits:
        return []
    now, hold = datetime.now(UTC), await call(read_hold, target.records)
    others = [HoldGate(event=hold).judge(now), WindowGate(settings=settings).judge(now)]
    found = []
    for one in waits:
        gate = await approval_gate(target, one.waiting, one.waiting.plan_digest)
        said = gate.judge(now)
        if is_due(said, with_overrides(others, gate, now)):
            found.append(next_run(one.waiting, said))
    return found
