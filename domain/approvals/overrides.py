"""Gates that an approver opens with his word, where the worker's file lets him."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tiercel.domain.approvals.approval_gate import ApprovalGate
from tiercel.domain.approvals.words import Word
from tiercel.domain.gates.results import Decision, GateResult


def with_overrides(
    results: Iterable[GateResult], approvals: ApprovalGate, now: datetime
) -> tuple[GateResult, ...]:
    """Return what gates say when words that count are heard; what is opened says by whom and why.

    A word opens a gate for the plan that it approves, and only if it counts as an approval.
    """
    words = [one for one in approvals.counting(now) if one.approves]
    allowed = approvals.settings.overridable
    return tuple(_heard(result, words, allowed) for result in results)


def _heard(result: GateResult, words: list[Word], allowed: tuple[str, ...]) -> GateResult:
    if result.decision is Decision.ALLOW or result.gate not in allowed:
        return result
    word = next((one for one in words if result.gate in one.overrides), None)
    if word is None:
        return result
    reason = f"opened by {word.told}: {word.why}; else {result.words}: {result.reason}"
    return GateResult(gate=result.gate, decision=Decision.ALLOW, reason=reason)
