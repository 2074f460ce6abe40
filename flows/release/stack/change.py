"""From whatever state a stack is in to the state that an intent wants."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.base.errors import DeployFailedError, TiercelError
from tiercel.domain.release.superseding import require_still_wanted
from tiercel.domain.stack import states
from tiercel.domain.stack.failures import vanished
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.domain.stack.states import StackAction, StackStatus, Step
from tiercel.domain.stack.tokens import client_token
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.stack.lease import StackLease
from tiercel.flows.release.stack.plan import plan_stack
from tiercel.flows.release.stack.wait import failure_of_operation, outrun, wait_for_end
from tiercel.flows.release.stack.wanted_change import StackChange, next_token, remedy_by_hand
from tiercel.tasks.records.ledger import newest_release
from tiercel.tasks.stack.change_sets import discard_plan, execute_plan
from tiercel.tasks.stack.stacks import (
    continue_rollback,
    delete_stack,
    observe_stack,
    roll_back_stack,
)

_MOST_STEPS = 10
"""Delete, wait, create and a few surprises; more means that somebody else is at work."""


async def bring_up(
    change: StackChange, stack: Stack | None, lease: StackLease
) -> tuple[Stack, Plan | None]:
    """Bring the stack to the intent's template; return it and the plan that did it, if one did.

    The plan is made without the lease. Once the lease is taken the stack is looked at again:
    if somebody changed it meanwhile, the plan is thrown away and another one made. Raises
    DeployFailedError if CloudFormation refuses or rolls back, SupersededError if the ledger
    has a newer release of the stack by then.
    """
    try:
        return await _brought_up(change, stack, lease)
    finally:
        await change.pages_shown()


async def _brought_up(
    change: StackChange, stack: Stack | None, lease: StackLease
) -> tuple[Stack, Plan | None]:
    for _ in range(_MOST_STEPS):
        await _require_no_way_back(change, stack)
        if stack and _is_done(change, stack):
            found = await _look_alone(change, stack, lease)
            if _state(found) == _state(stack):
                return stack, None
            stack = found
            continue
        action = states.decide(
            stack.status if stack else None,
            states.StackGoal.DEPLOY,
            production=change.production,
            protected=stack.protected if stack else False,
        )
        _check(change, action, stack)
        if stack and action.step is Step.WAIT:
            stack = await _waited(change, stack, action)
            continue
        if stack and action.step in _REPAIRING:
            found = await _look_alone(change, stack, lease)
            same = _state(found) == _state(stack)
            stack = await _repaired(change, stack, action, lease) if same else found
            continue
        creates = action.step is Step.CREATE
        plan, found = await _planned_alone(change, stack, lease, creates=creates)
        if plan:
            token = next_token(change, stack)
            return await _carried_out(change, plan, token, lease, creates=creates), plan
        stack = found
    raise DeployFailedError(
        "stack.restless",
        "the stack does not come to rest",
        where=change.where,
        remedy="see in its events who else changes it, then release again",
    )


async def _require_no_way_back(change: StackChange, stack: Stack | None) -> None:
    """Note what traffic did in an operation that an earlier run of this release did not see end.

    Raises DeployFailedError if it went back: a version that was refused is not tried again.
    """
    if stack is None or not change.is_own(stack.token) or not states.is_terminal(stack.status):
        return
    if stack.token in change.traffic.noted:
        return
    end = await wait_for_end(change, stack.stack_id, stack.token)
    if end.taken_back:
        raise await failure_of_operation(change, end)


async def _planned_alone(
    change: StackChange, stack: Stack | None, lease: StackLease, *, creates: bool
) -> tuple[Plan | None, Stack | None]:
    """Return the plan, once this run is the only writer and if it still fits; and the stack."""
    try:
        plan = await plan_stack(change, stack, creates=creates)
    except DeployFailedError:
        # CloudFormation also refuses to plan while another run is at work.
        found = await _look_alone(change, stack, lease)
        if _state(found) == _state(stack):
            raise
        return None, found
    found = await _look_alone(change, stack, lease, again=plan is None)
    if plan and _state(found) != _state(stack):
        await call(discard_plan, change.access, plan)
        return None, found
    return plan, found


async def _look_alone(
    change: StackChange, stack: Stack | None, lease: StackLease, *, again: bool = False
) -> Stack | None:
    """Return the stack as it is once nobody else may change it.

    A run that has the lease already knows it, unless it has a reason to look `again`.
    """
    if not await lease.take() and not again:
        return stack
    newest = await call(newest_release, change.records, change.intent.stack)
    require_still_wanted(newest, change.intent)
    return await call(observe_stack, change.access, change.intent.stack)


def _state(stack: Stack | None) -> tuple[str, str, str] | None:
    """Return what changes with every operation; a stack in review has had none."""
    if stack is None or stack.status is StackStatus.REVIEW_IN_PROGRESS:
        return None
    return stack.stack_id, stack.status, stack.token


def _is_done(change: StackChange, stack: Stack) -> bool:
    """Whether an earlier run of this very release brought the stack up before it died."""
    return change.is_own(stack.token) and states.is_success(stack.status)


def _check(change: StackChange, action: StackAction, stack: Stack | None) -> None:
    if action.step is not Step.REFUSE:
        return
    remedy = (stack and remedy_by_hand(change, action, stack)) or action.remedy
    raise DeployFailedError(
        "stack.not_deployable",
        f"stack {change.intent.stack} cannot be deployed as it is",
        where=change.where,
        why=action.reason,
        state="nothing was changed",
        remedy=f"{remedy}; then release again",
    )


_REPAIRING = frozenset({Step.DELETE_FIRST, Step.ROLL_BACK_STACK, Step.CONTINUE_ROLLBACK})
_ROLLBACKS = {
    Step.ROLL_BACK_STACK: roll_back_stack,
    Step.CONTINUE_ROLLBACK: continue_rollback,
}


async def _repaired(
    change: StackChange, stack: Stack, action: StackAction, lease: StackLease
) -> Stack | None:
    """Take one step towards a stack that can be deployed, and look at it again."""
    token = client_token(action.step, next_token(change, stack))
    await lease.confirm()
    if action.step is Step.DELETE_FIRST:
        await call(delete_stack, change.destroyer, stack, token)
    else:
        await call(_ROLLBACKS[action.step], change.access, stack, token)
    return await _waited(change, stack, action, repairs=True)


async def _waited(
    change: StackChange, stack: Stack, action: StackAction, *, repairs: bool = False
) -> Stack | None:
    """Wait for what CloudFormation does about the stack, and look at it again.

    Raises DeployFailedError for a step of our own that left the stack as it was: the next one
    would as well; and where this release's traffic went back.
    """
    get_run_logger().info("%s: %s", change.intent.service, action.reason)
    end = await wait_for_end(change, stack.stack_id, stack.token)
    if (repairs and end.stack.status is stack.status) or (
        change.is_own(stack.token) and end.taken_back
    ):
        raise await failure_of_operation(change, end)
    return await call(observe_stack, change.access, change.intent.stack)


async def _carried_out(
    change: StackChange, plan: Plan, token: str, lease: StackLease, *, creates: bool
) -> Stack:
    """Execute the plan, wait for its end and return the stack."""
    if plan.is_empty:
        await call(discard_plan, change.access, plan)
        after = await call(observe_stack, change.access, change.intent.stack)
        if after is None:
            raise vanished(change.where)
        return after
    await _pass_gate(change, plan)
    await lease.confirm()
    await call(execute_plan, change.access, plan, token)
    end = await wait_for_end(change, plan.stack_id, token, planned=len(plan.own), is_new=creates)
    is_gone = end.stack.status is StackStatus.DELETE_COMPLETE
    if end.stack.token != token and not is_gone:
        raise outrun(change, end.stack)
    if not states.is_success(end.stack.status):
        raise await failure_of_operation(change, end)
    return end.stack


async def _pass_gate(change: StackChange, plan: Plan) -> None:
    """Leave the stack as it is, and no plan of it, if the gate is closed by now."""
    if change.gate is None:
        return
    try:
        await change.gate(plan)
    except TiercelError:
        await call(discard_plan, change.access, plan)
        raise
