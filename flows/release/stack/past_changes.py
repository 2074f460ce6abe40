"""What a plan may overwrite that the newest look for drift found changed past Tiercel."""

from __future__ import annotations

from tiercel.domain.drift.decisions import overwritten
from tiercel.domain.drift.report import DriftFinding
from tiercel.domain.organization.access import Records
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.flows.engine.concurrency import call
from tiercel.tasks.records.drift import read_drift


async def changed_past(
    records: Records, stack: Stack | None, plan: Plan
) -> tuple[DriftFinding, ...]:
    """Return what differs of the resources that a plan changes, as far as somebody has looked.

    An ordinary change set compares templates alone and does not show it. Nothing is read for a
    stack of which CloudFormation knows no drift.
    """
    if stack is None or not stack.drifted:
        return ()
    report = (await call(read_drift, records)).report
    found = report.of_stack(stack.name) if report else ()
    return overwritten(found, (change.path for change in plan.changes))
