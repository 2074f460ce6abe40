"""What approvers have said of a promotion that waits."""

from __future__ import annotations

from tiercel.domain.approvals.approval_gate import ApprovalGate
from tiercel.domain.approvals.plans import WaitingPromotion
from tiercel.domain.base.digests import PlanDigest
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.words import read_words


async def approval_gate(
    target: ReleaseTarget, waiting: WaitingPromotion, plan_digest: PlanDigest
) -> ApprovalGate:
    """Return the gate with all words on a plan; `plan_digest` is what is planned now."""
    return ApprovalGate(
        settings=target.names.environment.gates,
        waiting=waiting,
        plan_digest=plan_digest,
        words=await call(read_words, target.records, waiting.plan_digest),
    )
