"""Gates that an approver opens with his word, where the worker's file lets him."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from tiercel.domain.approvals.approval_gate import ApprovalGate
from tiercel.domain.gates.results import Decision, GateResult
from tiercel.domain.release.opened_gates import OpenedGate


def opened_by_words(approvals: ApprovalGate, now: datetime) -> tuple[OpenedGate, ...]:
    """Return the gates that are open by the words that count; of several the first word tells.

    A word opens a gate for the plan that it approves, and only if it counts as an approval. What it
    opens stays open for this promotion, be the gate closed now or half-way.
    """
    words = [one for one in approvals.counting(now) if one.approves]
    said = {
        gate: OpenedGate(gate=gate, by=one.by, vouched_by=one.vouched_by, at=one.at, reason=one.why)
        for one in reversed(words)
        for gate in one.overrides
        if gate in approvals.settings.overridable
    }
    return tuple(said[gate] for gate in sorted(said))


def with_opened(
    results: Iterable[GateResult], opened: Iterable[OpenedGate], overridable: Collection[str]
) -> tuple[GateResult, ...]:
    """Return what gates say once those that were opened are heard, each with who and why.

    What the worker's file lists no longer stays closed, whoever opened it.
    """
    known = {one.gate: one for one in opened if one.gate in overridable}
    return tuple(_heard(one, known.get(one.gate)) for one in results)


def with_overrides(
    results: Iterable[GateResult], approvals: ApprovalGate, now: datetime
) -> tuple[GateResult, ...]:
    """Return what gates say when the words that count are heard."""
    return with_opened(results, opened_by_words(approvals, now), approvals.settings.overridable)


def _heard(result: GateResult, opened: OpenedGate | None) -> GateResult:
    if opened is None or result.decision is Decision.ALLOW:
        return result
    who = f"opened by {opened.by} ({opened.vouched_by}): {opened.reason}"
    reason = f"{who}; else {result.words}: {result.reason}"
    return GateResult(gate=result.gate, decision=Decision.ALLOW, reason=reason)
