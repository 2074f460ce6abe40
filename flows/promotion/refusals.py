"""What becomes of a promotion that words refuse: it ends, also when it was begun already."""

from __future__ import annotations

from datetime import UTC, datetime

from tiercel.domain.approvals.waiting import (
    OpenWait,
    WaitEnding,
    end_of_refused,
    refused_by_word,
    state_of_refused,
)
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.gates.results import Decision, GateResult
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.promotion.words import approval_gate
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.tasks.records.ledger import newest_release
from tiercel.tasks.records.promotion_plans import read_open_wait, record_wait_end


async def require_not_refused(prepared: PreparedCommit) -> None:
    """End what waits, or was begun, of this very commit if it is declined or its time is over.

    Before AWS is asked for anything else: a commit that cannot be promoted any more comes to its
    end by this alone. Raises RefusedInputError then.
    """
    target, commit = prepared.target, prepared.commit
    if not target.names.environment.gates.approvals:
        return
    found = await call(read_open_wait, target.records, commit.repository)
    if found and found.waiting.commit == commit.sha:
        error = await refused_of(prepared, found)
        if error:
            raise error


async def refused_of(prepared: PreparedCommit, found: OpenWait) -> RefusedInputError | None:
    """End what waits, or was begun, if it is declined or its time is over; return how it ends."""
    gate = await approval_gate(prepared.target, found, found.waiting.plan_digest)
    said = gate.judge(datetime.now(UTC))
    if said.decision is not Decision.REFUSE:
        return None
    return await ended_as_refused(prepared, found, said)


async def require_not_declined(prepared: PreparedCommit, found: OpenWait) -> None:
    """End what is being carried out if somebody declines it; what time it takes ends nothing.

    Raises RefusedInputError then.
    """
    gate = await approval_gate(prepared.target, found, found.waiting.plan_digest)
    said = gate.declined(datetime.now(UTC))
    if said:
        raise await ended_as_refused(prepared, found, said)


async def ended_as_refused(
    prepared: PreparedCommit, found: OpenWait, said: GateResult
) -> RefusedInputError:
    """Write that words have ended a promotion; return how its run ends."""
    records, stacks = prepared.target.records, [one.stack for one in found.plan.services]
    newest = await each(stacks, lambda stack: call(newest_release, records, stack))
    await end_wait(prepared, found, end_of_refused(found, datetime.now(UTC)), said.reason)
    return refused_by_word(found.waiting, said, state_of_refused(found, newest))


async def end_wait(prepared: PreparedCommit, found: OpenWait, how: WaitEnding, reason: str) -> None:
    """Write how a promotion that waited has ended."""
    target = prepared.target
    await call(record_wait_end, target.records, found.waiting, how, reason, target.run)
