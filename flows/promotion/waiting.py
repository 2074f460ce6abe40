"""A promotion that needs somebody's word: planned, shown, waiting, and gone on with.

The environment's own ledger is the memory: a run ends where a promotion waits, and another one goes
on. Nothing is held meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prefect import get_run_logger

from tiercel.domain.approvals.overrides import opened_by_words, with_opened
from tiercel.domain.approvals.plans import PromotionPlan, WaitingPromotion
from tiercel.domain.approvals.waiting import (
    NextStep,
    OpenWait,
    WaitBegun,
    WaitEnding,
    end_of_replaced,
    newer_waits,
    next_step,
    require_as_shown,
    waiting_error,
    what_differs,
)
from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.errors import WaitingError
from tiercel.domain.base.notices import Notice, NoticeKind
from tiercel.domain.gates.results import Decision, GateResult, require_open
from tiercel.domain.release.opened_gates import OpenedGate
from tiercel.domain.stack.plan import Plan
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.groups import in_group
from tiercel.flows.engine.notices import tell
from tiercel.flows.promotion.asking import who_asked
from tiercel.flows.promotion.promotion_gates import show_gates
from tiercel.flows.promotion.promotion_plans import plan_promotion_of
from tiercel.flows.promotion.refusals import (
    end_wait,
    ended_as_refused,
    refused_of,
    require_not_declined,
)
from tiercel.flows.promotion.waiting_shown import show_waiting
from tiercel.flows.promotion.words import approval_gate
from tiercel.flows.release.preparation import PlanGate, PreparedCommit
from tiercel.tasks.records.promotion_plans import (
    read_open_wait,
    record_begin,
    record_wait,
)
from tiercel.tasks.source.history import contains_commit


@dataclass(frozen=True)
class Approved:
    """What may be carried out: the plan, what waited for a word on it, and what that opened.

    Without a plan nobody's word is needed.
    """

    plan: PromotionPlan | None = None
    found: OpenWait | None = None
    opened: tuple[OpenedGate, ...] = ()

    def gate(self, prepared: PreparedCommit, ask: Callable[[], Awaitable[None]]) -> PlanGate:
        """Return what is asked before each stack is changed: the gates, declines and the plan."""

        async def as_shown(plan: Plan) -> None:
            await ask()
            if self.found:
                await require_not_declined(prepared, self.found)
            if self.plan:
                shown, configuration = self.plan.of_stack(plan.stack), digest_of(plan.parameters)
                require_as_shown(shown, plan, configuration)

        return as_shown


async def require_word(
    prepared: PreparedCommit, manifests: Mapping[str, Manifest], gates: Sequence[GateResult]
) -> Approved:
    """Plan the promotion; return what may be carried out on somebody's word.

    `gates` are the results of the others, of which none refuses. Raises WaitingError as long as the
    word is missing or another gate lets wait, RefusedInputError if the word will not come,
    SupersededError if a newer commit's promotion waits already.
    """
    target, commit = prepared.target, prepared.commit
    if not target.names.environment.gates.approvals:
        return Approved()
    found = await call(read_open_wait, target.records, commit.repository)
    now = datetime.now(UTC)
    same = found if found and found.waiting.commit == commit.sha else None
    if found and not same:
        found = await _replaceable(prepared, found)
    begun = same if same and same.goes_on(now) else None
    plan = await plan_promotion_of(prepared, manifests, begun)
    step = next_step(found, plan, now)
    if found and step is not NextStep.WAIT and found.has_shown(plan):
        if step is NextStep.ASK:
            heard = await _ask(prepared, found, gates)
            return Approved(plan, heard, heard.begun.opened if heard.begun else ())
        return Approved(plan, found, await _still_open(prepared, found.begun, gates))
    if found:
        await _replaced(prepared, found, plan)
    if step is NextStep.GO_ON:
        return Approved(plan, opened=await _still_open(prepared, None, gates))
    raise await _waits_anew(prepared, plan, what_differs(same, plan))


async def end_of_promotion(prepared: PreparedCommit, approved: Approved) -> None:
    """Write that what waited has been carried out."""
    if approved.found:
        reason = "every service was released"
        await end_wait(prepared, approved.found, WaitEnding.EXECUTED, reason)


async def _replaceable(prepared: PreparedCommit, found: OpenWait) -> OpenWait | None:
    """Return another commit's wait, of which this one takes the place; None if words end it.

    Raises SupersededError for a newer one, unless that is declined or its time is over.
    """
    if not await call(contains_commit, prepared.commit, found.waiting.commit):
        return found
    if await refused_of(prepared, found):
        return None
    raise newer_waits(found.waiting, prepared.commit.sha)


@in_group("hear the word")
async def _ask(prepared: PreparedCommit, found: OpenWait, gates: Sequence[GateResult]) -> OpenWait:
    """Return what is begun once the word has come; from then on, as is written down, it is done.

    Raises as `require_word` does.
    """
    waiting, now = found.waiting, datetime.now(UTC)
    gate = await approval_gate(prepared.target, found, found.plan.digest)
    said = gate.judge(now)
    if said.decision is Decision.REFUSE:
        raise await ended_as_refused(prepared, found, said)
    opened, overridable = opened_by_words(gate, now), gate.settings.overridable
    heard = await _heard(prepared, opened, gates)
    closed = [one for one in (said, *heard) if one.decision is not Decision.ALLOW]
    if closed:
        error = waiting_error(waiting, closed, overridable=overridable)
        await show_waiting(prepared, found, error)
        raise error
    get_run_logger().info("plan %s: %s", waiting.plan_digest, said.reason)
    begun = WaitBegun(at=now, flow_run=prepared.target.run, reason=said.reason, opened=opened)
    await call(record_begin, prepared.target.records, found, begun)
    return found.model_copy(update={"begun": begun})


async def _still_open(
    prepared: PreparedCommit, begun: WaitBegun | None, gates: Sequence[GateResult]
) -> tuple[OpenedGate, ...]:
    """Return what was opened when it was begun; RefusedInputError if another gate refuses.

    One that lets wait is asked once more before each stack.
    """
    environment, opened = prepared.target.names.environment.name, begun.opened if begun else ()
    heard = await _heard(prepared, opened, gates)
    refusing = [one for one in heard if one.decision is Decision.REFUSE]
    require_open(refusing, environment, f"nothing more was changed in {environment}")
    return opened


async def _heard(
    prepared: PreparedCommit, opened: tuple[OpenedGate, ...], gates: Sequence[GateResult]
) -> Sequence[GateResult]:
    """Return what the gates say with those that are opened, and show that."""
    if not opened:
        return gates
    overridable = prepared.target.names.environment.gates.overridable
    heard = with_opened(gates, opened, overridable)
    await show_gates(prepared, heard)
    return heard


async def _replaced(prepared: PreparedCommit, found: OpenWait, plan: PromotionPlan) -> None:
    reasons = "; ".join(what_differs(found, plan))
    get_run_logger().warning("plan %s is void: %s", found.waiting.plan_digest, reasons)
    await end_wait(prepared, found, end_of_replaced(found, plan), reasons)


@in_group("ask for a word")
async def _waits_anew(
    prepared: PreparedCommit, plan: PromotionPlan, reasons: Sequence[str]
) -> WaitingError:
    """Let the plan wait for a word, and show it."""
    target, asked, now = prepared.target, await who_asked(prepared), datetime.now(UTC)
    environment = target.names.environment
    waiting = WaitingPromotion(
        number=1,
        environment=environment.name,
        repository=plan.repository,
        commit=plan.commit,
        plan_digest=plan.digest,
        asked_by=asked.by,
        authors=asked.authors,
        all_authors=asked.all_authors,
        pull_request=asked.pull.number if asked.pull else None,
        head_commit=asked.pull.head_commit if asked.pull else "",
        at=now,
        expires_at=now + timedelta(hours=environment.gates.approval_hours),
        flow_run=target.run,
    )
    found = await call(record_wait, target.records, plan, waiting)
    error = waiting_error(found.waiting, (), reasons)
    await show_waiting(prepared, found, error)
    tell(_notice(error))
    return error


def _notice(error: WaitingError) -> Notice:
    told = error.failure
    return Notice(
        kind=NoticeKind.WAITING,
        subject=told.what,
        text=f"{told.where}\n{told.why}\n{told.state}",
        remedy=told.remedy,
    )
