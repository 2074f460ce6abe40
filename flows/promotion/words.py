"""What approvers have said of a promotion that waits, by GitHub and by AWS, asked for now."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.approvals.approval_gate import ApprovalGate
from tiercel.domain.approvals.github_words import github_words
from tiercel.domain.approvals.plans import WaitingPromotion
from tiercel.domain.approvals.signed_words import aws_word, fresh_keys, is_shown_to_sts
from tiercel.domain.approvals.waiting import OpenWait
from tiercel.domain.approvals.words import Word, lasting
from tiercel.domain.base.digests import PlanDigest
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.aws.word_signatures import who_signed
from tiercel.tasks.github.reviews import read_reviews
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.records.promotion_plans import read_posted_plan
from tiercel.tasks.records.words import (
    list_signed_words,
    read_signed_word,
    read_words,
    record_word,
)

_MOST_AT_ONCE = 20
"""Signed words that one look shows to STS: whoever may hand one over may hand over many."""


async def approval_gate(
    target: ReleaseTarget, found: OpenWait, plan_digest: PlanDigest
) -> ApprovalGate:
    """Return the gate of people with the words of now; `plan_digest` is what is planned now."""
    return ApprovalGate(
        settings=target.names.environment.gates,
        waiting=found.waiting,
        plan_digest=plan_digest,
        words=await words_on(target, found.waiting),
        begun_until=found.begun_until,
    )


async def words_on(target: ReleaseTarget, waiting: WaitingPromotion) -> tuple[Word, ...]:
    """Return what counts now, having recorded what is new.

    An approving review counts while it stands: what was recorded of one counts for nothing. What
    AWS vouched for, and every decline, counts as it was recorded.
    """
    recorded = await call(read_words, target.records, waiting.plan_digest)
    kept = lasting(recorded)
    known = frozenset(one.evidence for one in recorded)
    signed = await _signed(target, waiting, known)
    reviewed = await _reviewed(target, waiting)
    for word in (*signed, *reviewed):
        if word.evidence not in known and await call(record_word, target.records, word):
            said = "approves" if word.approves else "declines"
            get_run_logger().info("%s %s %s", word.told, said, waiting.plan_digest)
    return (*kept, *signed, *reviewed)


async def _reviewed(target: ReleaseTarget, waiting: WaitingPromotion) -> tuple[Word, ...]:
    """Return what reviews of the release pull request say now."""
    if waiting.pull_request is None or not has_credentials():
        return ()
    posted = await call(read_posted_plan, target.records, waiting.plan_digest)
    reviews = await call(read_reviews, waiting.repository, waiting.pull_request)
    approvers = target.names.environment.gates.approvers
    found = github_words(reviews, posted, waiting, approvers)
    for objection in found.objections:
        get_run_logger().warning("%s", objection)
    return found.words


async def _signed(
    target: ReleaseTarget, waiting: WaitingPromotion, known: frozenset[str]
) -> tuple[Word, ...]:
    """Return the signed words that STS vouches for; it is shown each until that counts."""
    offered = await call(list_signed_words, target.records, waiting.plan_digest)
    fresh = fresh_keys(offered, known, datetime.now(UTC))[:_MOST_AT_ONCE]
    words = [await _vouched(target, waiting, key) for key in fresh]
    return tuple(one for one in words if one)


async def _vouched(target: ReleaseTarget, waiting: WaitingPromotion, key: str) -> Word | None:
    signed = await call(read_signed_word, target.records, key)
    now = datetime.now(UTC)
    if signed is None or not is_shown_to_sts(signed, key, waiting.plan_digest, now):
        return None
    principal = await call(who_signed, signed, target.names)
    word = aws_word(signed, principal, target.names.environment.gates.approvers)
    if word is None:
        who = principal or "nobody whom STS knows"
        get_run_logger().warning("a word of %s does not count: no approver", who)
    return word
