"""Waiting for an operation on a stack: what its traffic did meanwhile, and why it failed."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.errors import DeployFailedError, LeaseLostError
from tiercel.domain.stack import states
from tiercel.domain.stack.events import StackEvent
from tiercel.domain.stack.failures import deploy_failure
from tiercel.domain.stack.observed import Stack
from tiercel.domain.traffic.failures import traffic_failure
from tiercel.domain.traffic.first_step import FirstStep, with_refusal
from tiercel.domain.traffic.shifts import Shift, taken_back, updates_an_alias
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.stack.wanted_change import StackChange, remedy_by_hand
from tiercel.tasks.stack.causes import find_causes
from tiercel.tasks.stack.waiting.first_step import wait_and_ask
from tiercel.tasks.stack.waiting.operation import wait_for_stack
from tiercel.tasks.stack.waiting.shift_causes import explain_shift
from tiercel.tasks.stack.waiting.shifts import read_shifts


class OperationEnd:
    """How an operation on a stack ended: the stack, its events, and what it shifted."""

    def __init__(
        self, stack: Stack, events: Sequence[StackEvent], shifts: Sequence[Shift] = ()
    ) -> None:
        """Keep what was seen."""
        self.stack, self.events, self.shifts = stack, events, shifts

    @property
    def taken_back(self) -> Shift | None:
        """The shift that ended before its time, if the stack went back with it."""
        return None if states.is_success(self.stack.status) else taken_back(self.shifts)


async def wait_for_end(
    change: StackChange, stack_id: str, token: str, *, planned: int = 0, is_new: bool = False
) -> OperationEnd:
    """Wait for the end of the operation of a token, and tell what traffic did meanwhile.

    Where it is of this very release, the smoke test is asked at the first step if it is to be, and
    what was shifted is told to the change: another release's shifts are no part of this one.
    """
    change.traffic.noted.add(token)
    service, test, first = change.intent.service, change.intent.smoke_test, None
    access, links = change.access, change.links
    if change.is_own(token) and test and test.asks_first_step:
        stack, events, first = await call(
            wait_and_ask, access, stack_id, service, test, planned, is_new=is_new, links=links
        )
    else:
        stack, events = await call(
            wait_for_stack, access, stack_id, service, planned,
            is_new=is_new, links=links, under_way=change.under_way,
        )  # fmt: skip
    found = await _shifted(change, stack, events, first)
    change.note_shifts(token, found)
    return OperationEnd(stack, events, found)


async def _shifted(
    change: StackChange, stack: Stack, events: Sequence[StackEvent], first: FirstStep | None
) -> list[Shift]:
    """Return what CodeDeploy shifted in an operation; only where an alias was updated it is asked.

    A first step counts only for the operation that it was of, and only if that came to its end:
    else the smoke test is due afterwards.
    """
    seen = change.traffic
    passed = first and not first.problem and states.is_success(stack.status)
    seen.answer = first.answer if first and passed else ""
    updated = [one.at for one in events if updates_an_alias(one)]
    if not updated:
        return []
    since = min((at for at in updated if at), default=None)
    found = await call(read_shifts, change.access, stack.stack_id, since)
    return with_refusal(found, first)


async def failure_of_operation(change: StackChange, end: OperationEnd) -> DeployFailedError:
    """Return the error of an operation that failed, and what comes next, where that is by hand."""
    stack = end.stack
    then = states.decide(
        stack.status,
        states.StackGoal.DEPLOY,
        production=change.production,
        protected=stack.protected,
    )
    if end.taken_back:
        alarms, log = await call(explain_shift, change.access, end.taken_back)
        return traffic_failure(end.taken_back, change.where, stack.status, alarms, log)
    causes = await call(find_causes, change.access, stack.name, end.events)
    by_hand = remedy_by_hand(change, then, stack)
    return deploy_failure(stack.name, change.where, stack.status, stack.reason, causes, by_hand)


def outrun(change: StackChange, stack: Stack) -> LeaseLostError:
    """Return the error of a run that waited for its own operation and found somebody else's."""
    return LeaseLostError(
        "stack.changed_by_others",
        f"stack {stack.name} was changed by somebody else meanwhile",
        where=change.where,
        why=f"its newest operation is {stack.token or 'one without a token'}",
        state=f"the stack is {stack.status}; how this release ended is not known",
        remedy="run it again: it finds out what the stack runs now",
    )
