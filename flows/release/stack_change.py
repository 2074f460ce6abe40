"""From whatever state a stack is in to the state that an intent wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prefect import get_run_logger

from tiercel.domain.accounts.by_hand import StackByHand
from tiercel.domain.base.errors import DeployFailedError, LeaseLostError, TiercelError
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names, Role
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.plan_page import BesidePlan
from tiercel.domain.release.ledger import Intent
from tiercel.domain.release.superseding import require_still_wanted
from tiercel.domain.stack import states
from tiercel.domain.stack.events import StackEvent
from tiercel.domain.stack.failures import deploy_failure, vanished
from tiercel.domain.stack.needed_actions import RoleCheck, lacking_actions, refused_for_lack
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.domain.stack.states import ByHand, StackAction, StackStatus, Step
from tiercel.domain.stack.tokens import attempt_in, change_set_name, client_token, release_of
from tiercel.domain.template.outside import OutsideReference
from tiercel.domain.traffic.failures import traffic_failure
from tiercel.domain.traffic.planned import PlannedShift, updated_aliases
from tiercel.domain.traffic.shifts import Shift, taken_back, updates_an_alias
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.lease import StackLease
from tiercel.flows.release.pages import report_plan
from tiercel.flows.release.past_changes import changed_past
from tiercel.flows.release.preparation import PlanGate
from tiercel.tasks.records.ledger import newest_release
from tiercel.tasks.stack.causes import find_causes
from tiercel.tasks.stack.change_sets import (
    ChangeSetRequest,
    discard_plan,
    execute_plan,
    plan_changes,
)
from tiercel.tasks.stack.service_role import read_service_role
from tiercel.tasks.stack.shift_causes import explain_shift
from tiercel.tasks.stack.shift_plans import plan_shifts
from tiercel.tasks.stack.shifts import read_shifts
from tiercel.tasks.stack.stacks import (
    continue_rollback,
    delete_stack,
    observe_stack,
    roll_back_stack,
    wait_for_stack,
)

_MOST_STEPS = 10
"""Delete, wait, create and a few surprises; more means that somebody else is at work."""


@dataclass(frozen=True)
class StackChange:
    """What is to become of one stack. `records` has the ledger, `outside` what comes from there.

    Only the step that deletes a stack is taken by the `destroyer`. What `gate` says is asked for
    after the plan is made, which may have taken long, and before it is executed. What traffic
    shifted meanwhile is added to `shifts`, however it ends.
    """

    access: Access
    destroyer: Access
    records: Records
    names: Names
    links: Links
    intent: Intent
    template_key: str
    outside: Sequence[OutsideReference]
    production: bool
    tags: Mapping[str, str]
    express: bool
    revert_drift: bool
    gate: PlanGate | None = None
    shifts: list[Shift] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The stack, its account and its region."""
        access = self.access
        return f"stack {self.intent.stack}, account {access.account}, region {access.region}"


async def bring_up(
    change: StackChange, stack: Stack | None, lease: StackLease
) -> tuple[Stack, Plan | None]:
    """Bring the stack to the intent's template; return it and the plan that did it, if one did.

    The plan is made without the lease. Once the lease is taken the stack is looked at again:
    if somebody changed it meanwhile, the plan is thrown away and another one made. Raises
    DeployFailedError if CloudFormation refuses or rolls back, SupersededError if the ledger
    has a newer release of the stack by then.
    """
    for _ in range(_MOST_STEPS):
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
            token = _next_token(change, stack)
            return await _carried_out(change, plan, token, lease, creates=creates), plan
        stack = found
    raise DeployFailedError(
        "stack.restless",
        "the stack does not come to rest",
        where=change.where,
        remedy="see in its events who else changes it, then release again",
    )


async def _planned_alone(
    change: StackChange, stack: Stack | None, lease: StackLease, *, creates: bool
) -> tuple[Plan | None, Stack | None]:
    """Return the plan, once this run is the only writer and if it still fits; and the stack."""
    try:
        plan = await _planned(change, stack, creates=creates)
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
    release = release_of(stack.token)
    return (
        release is not None
        and release[0] == change.intent.number
        and states.is_success(stack.status)
    )


def _check(change: StackChange, action: StackAction, stack: Stack | None) -> None:
    if action.step is not Step.REFUSE:
        return
    remedy = (stack and _remedy(change, action, stack)) or action.remedy
    raise DeployFailedError(
        "stack.not_deployable",
        f"stack {change.intent.stack} cannot be deployed as it is",
        where=change.where,
        why=action.reason,
        state="nothing was changed",
        remedy=f"{remedy}; then release again",
    )


def _remedy(change: StackChange, action: StackAction, stack: Stack) -> str:
    """Return what an administrator does before the next step, empty if nothing."""
    if not action.by_hand:
        return ""
    access = change.access
    hand = StackByHand(stack.stack_id, access.account, access.region, protected=stack.protected)
    return hand.deletion() if action.by_hand is ByHand.DELETE else hand.end_of_protection()


_REPAIRING = frozenset({Step.DELETE_FIRST, Step.ROLL_BACK_STACK, Step.CONTINUE_ROLLBACK})
_ROLLBACKS = {
    Step.ROLL_BACK_STACK: roll_back_stack,
    Step.CONTINUE_ROLLBACK: continue_rollback,
}


async def _repaired(
    change: StackChange, stack: Stack, action: StackAction, lease: StackLease
) -> Stack | None:
    """Take one step towards a stack that can be deployed, and look at it again."""
    token = client_token(action.step, _next_token(change, stack))
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
    would as well.
    """
    get_run_logger().info("%s: %s", change.intent.service, action.reason)
    ended, events = await call(wait_for_stack, change.access, stack.stack_id, change.intent.service)
    await _note_shifts(change, ended, events)
    if repairs and ended.status is stack.status:
        raise await _failed(change, ended, events)
    return await call(observe_stack, change.access, change.intent.stack)


def _next_token(change: StackChange, stack: Stack | None) -> str:
    """Return the token of the next attempt: one more than this release's last on the stack."""
    number = change.intent.number
    return change_set_name(number, attempt_in(stack.token, number) + 1 if stack else 1)


async def _planned(change: StackChange, stack: Stack | None, *, creates: bool) -> Plan | None:
    """Plan and show the plan; None if another run of this release executes it already.

    Raises DeployFailedError if the service role cannot do what is planned.
    """
    token = _next_token(change, stack)
    plan = await call(
        plan_changes, change.access, change_set_request(change, token, creates=creates)
    )
    if plan is None:
        get_run_logger().info("%s: another run is executing this release", change.intent.service)
        return None
    get_run_logger().info("%s: plan: %s", change.intent.service, plan.summary())
    check = await _role_check(change, plan)
    past = await changed_past(change.records, stack, plan)
    shifts = await _planned_shifts(change, plan)
    beside = BesidePlan(check, change.outside, past, shifts)
    await report_plan(change.names, change.links, plan, beside)
    refused = refused_for_lack(check, change.names.role_arn(Role.CLOUDFORMATION), change.where)
    if refused and not plan.is_empty:
        raise refused
    for warning in plan.warnings:
        get_run_logger().warning("%s: %s", change.intent.service, warning.line())
    for lack in check.lacks:
        if lack.possible:
            actions = ", ".join(lack.possible)
            get_run_logger().warning(
                "%s: the service role may lack %s for %s",
                change.intent.service, actions, lack.logical_id,
            )  # fmt: skip
    return plan


async def _planned_shifts(change: StackChange, plan: Plan) -> list[PlannedShift]:
    """Return what traffic the plan lets shift, which it tells."""
    updated = updated_aliases(plan.changes)
    shifts = await call(plan_shifts, change.access, plan, updated) if updated else []
    for shift in shifts:
        get_run_logger().info("%s: plan: %s", change.intent.service, shift.line())
    return shifts


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
    service, planned = change.intent.service, len(plan.own)
    ended, events = await call(
        wait_for_stack, change.access, plan.stack_id, service, planned, is_new=creates
    )
    await _note_shifts(change, ended, events)
    after = await call(observe_stack, change.access, change.intent.stack)
    if after is None and ended.status is not StackStatus.DELETE_COMPLETE:
        raise vanished(change.where)
    if after and after.token != token:
        raise _outrun(change, after)
    if after is None or not states.is_success(ended.status):
        raise await _failed(change, ended, events)
    return after


async def _pass_gate(change: StackChange, plan: Plan) -> None:
    """Leave the stack as it is, and no plan of it, if the gate is closed by now."""
    if change.gate is None:
        return
    try:
        await change.gate(plan)
    except TiercelError:
        await call(discard_plan, change.access, plan)
        raise


async def _failed(change: StackChange, ended: Stack, events: list[StackEvent]) -> DeployFailedError:
    """Return the error of an operation that failed, and what comes next, where that is by hand."""
    then = states.decide(
        ended.status,
        states.StackGoal.DEPLOY,
        production=change.production,
        protected=ended.protected,
    )
    stopped = taken_back(change.shifts)
    if stopped and not states.is_success(ended.status):
        alarms, log = await call(explain_shift, change.access, stopped)
        return traffic_failure(stopped, change.where, ended.status, alarms, log)
    causes = await call(find_causes, change.access, ended.name, events)
    return deploy_failure(
        ended.name, change.where, ended.status, ended.reason, causes, _remedy(change, then, ended)
    )


async def _note_shifts(change: StackChange, stack: Stack, events: Sequence[StackEvent]) -> None:
    """Add what CodeDeploy shifted in an operation; only where an alias was updated it is asked."""
    updated = [one.at for one in events if updates_an_alias(one)]
    if updated:
        since = min((at for at in updated if at), default=None)
        known = {one.deployment for one in change.shifts}
        found = await call(read_shifts, change.access, stack.stack_id, since)
        change.shifts.extend(one for one in found if one.deployment not in known)


def _outrun(change: StackChange, stack: Stack) -> LeaseLostError:
    """Return the error of a run that waited for its own operation and found somebody else's."""
    return LeaseLostError(
        "stack.changed_by_others",
        f"stack {stack.name} was changed by somebody else meanwhile",
        where=change.where,
        why=f"its newest operation is {stack.token or 'one without a token'}",
        state=f"the stack is {stack.status}; how this release ended is not known",
        remedy="run it again: it finds out what the stack runs now",
    )


async def _role_check(change: StackChange, plan: Plan) -> RoleCheck:
    types = {one.resource_type for one in plan.changes}
    role = await call(read_service_role, change.names.environment, types)
    return lacking_actions(plan.changes, role.handlers, role.policies)


def change_set_request(change: StackChange, token: str, *, creates: bool) -> ChangeSetRequest:
    """Return what the change set of a stack is made from, under a name."""
    names, intent = change.names, change.intent
    return ChangeSetRequest(
        stack=intent.stack,
        name=token,
        creates_stack=creates,
        template_url=names.object_url(names.staging_bucket, change.template_key),
        template_sha256=intent.template_sha256,
        parameters=intent.parameters,
        service_role=names.role_arn(Role.CLOUDFORMATION),
        tags={**change.tags, **names.stack_tags(intent.service)},
        deleted_on_failure=change.production,
        express=change.express,
        revert_drift=change.revert_drift and not creates,
    )
