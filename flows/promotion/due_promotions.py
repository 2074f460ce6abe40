"""Promotions that wait, of which a word, an hour or the end of their time calls for another run."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime

from prefect import get_run_logger
from prefect.client.orchestration import get_client

from tiercel.domain.approvals.approval_gate import ApprovalGate
from tiercel.domain.approvals.overrides import opened_by_words, with_opened
from tiercel.domain.approvals.plans import WaitingPromotion
from tiercel.domain.approvals.waiting import OpenWait, is_due, next_run
from tiercel.domain.base.errors import TiercelError, UnreachableError, error_from
from tiercel.domain.gates.results import Decision, GateResult, worst
from tiercel.domain.organization.names import deployment_of
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.opened_gates import each_once
from tiercel.domain.triggers.triggered_runs import (
    PROMOTION,
    PROMOTION_PLAN,
    AttemptStatus,
    WantedRun,
)
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.wanted_runs import attempt_status, newest_run_of
from tiercel.flows.promotion.candidates import verdicts_on
from tiercel.flows.promotion.promotion_gates import gates_now
from tiercel.flows.promotion.words import approval_gate
from tiercel.flows.release.preparation import ReleaseTarget, prepare_merge
from tiercel.tasks.records.promotion_plans import read_open_waits


async def due_promotions(
    topology: Topology, environment: str
) -> tuple[list[WantedRun], list[TiercelError]]:
    """Return the runs that go on with what waits in an environment, none if nothing can wait.

    As long as another gate is closed, and not opened by the word, it is not gone on with: the run
    would only find that again. Of what cannot be read, or waits for words that cannot be had, the
    errors are returned: it keeps no other back.
    """
    target = ReleaseTarget.of(topology, environment)
    if not target.names.environment.gates.approvals:
        return [], []
    waits = await call(read_open_waits, target.records)
    found: list[WantedRun] = []
    errors: list[TiercelError] = []
    for unread in waits.unreadable:
        what = unread.failure.what
        get_run_logger().warning("%s is not gone on with: %s", unread.repository, what)
        errors.append(error_from(unread.failure))
    for one in waits.readable:
        try:
            found += await _due(target, one)
        except TiercelError as error:
            waiting = one.waiting.repository
            get_run_logger().warning("words on %s are not known: %s", waiting, error.what)
            errors.append(error)
    return found, errors


async def _due(target: ReleaseTarget, found: OpenWait) -> list[WantedRun]:
    """Return the run that goes on with a promotion, none as long as it would find nothing new."""
    gate = await approval_gate(target, found, found.waiting.plan_digest)
    now = datetime.now(UTC)
    said = gate.judge(now)
    others = await _others(found, gate, now) if said.decision is Decision.ALLOW else ()
    last = await _last_run(found.waiting) if found.begun else None
    return [next_run(found.waiting, said)] if is_due(said, others, last) else []


async def _last_run(waiting: WaitingPromotion) -> AttemptStatus | None:
    """Tell how the newest promotion of the repository stands, None if Prefect knows of none.

    By whomever it was started: a run of `tiercel promote` has no key that another could join.
    """
    async with get_client() as client:
        run = await newest_run_of(client, PROMOTION, (waiting.environment, waiting.repository))
    return attempt_status(run) if run else None


async def is_open_by_now(topology: Topology, wanted: WantedRun) -> bool:
    """Tell whether a promotion that ended as waiting for its gates finds them open now.

    Where approvals are demanded what waits stands in the ledger, and is found there. The plan of a
    pull request waits until everything is verified.
    """
    environment = topology.environment(wanted.environment)
    if wanted.deployment == deployment_of(PROMOTION_PLAN, environment.name):
        return await _is_verified(wanted)
    if (
        wanted.deployment != deployment_of(PROMOTION, environment.name)
        or environment.gates.approvals
    ):
        return False
    repository, commit = (str(wanted.parameters[one]) for one in ("repository", "commit"))
    return worst(await _asked(gates_now(environment.name, repository, commit))) is Decision.ALLOW


async def _is_verified(wanted: WantedRun) -> bool:
    """Tell whether the source environment has verified by now what a pull request would bring."""
    given = wanted.parameters
    head, number = str(given["commit"]), int(given["number"])
    try:
        prepared = await prepare_merge(str(given["repository"]), number, head, wanted.environment)
        verdicts = await verdicts_on(prepared, prepared.source, prepared.source_records)
    except TiercelError as error:
        get_run_logger().warning("whether #%d is verified is not known: %s", number, error.what)
        return False
    return all(one.release for one in verdicts.values())


async def _others(
    found: OpenWait, approvals: ApprovalGate, now: datetime
) -> tuple[GateResult, ...]:
    """Return what the other gates say, with what was opened when it was begun, or is by words."""
    waiting = found.waiting
    gates = await _asked(gates_now(waiting.environment, waiting.repository, waiting.commit))
    begun = found.begun.opened if found.begun else ()
    opened = each_once(begun, opened_by_words(approvals, now))
    return with_opened(gates, opened, approvals.settings.overridable)


async def _asked(gates: Awaitable[tuple[GateResult, ...]]) -> tuple[GateResult, ...]:
    """Return what gates say, nothing for what cannot be promoted: its run says why.

    Those that nobody can ask now let wait, and keep no other promotion back.
    """
    try:
        return await gates
    except TiercelError as error:
        get_run_logger().warning("the gates cannot be asked: %s", error.what)
        if isinstance(error, UnreachableError):
            return (GateResult(gate="all", decision=Decision.WAIT, reason=error.what),)
        return ()
