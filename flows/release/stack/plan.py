"""The plan of one stack: made, shown and held against what the service role can do."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.organization.names import Role
from tiercel.domain.pages.plan_page import BesidePlan
from tiercel.domain.stack.needed_actions import RoleCheck, lacking_actions, refused_for_lack
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.domain.traffic.planned import PlannedShift, updated_aliases
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.pages import report_plan
from tiercel.flows.release.stack.past_changes import changed_past
from tiercel.flows.release.stack.wanted_change import StackChange, next_token
from tiercel.tasks.stack.change_sets import ChangeSetRequest, plan_changes
from tiercel.tasks.stack.service_role import read_service_role
from tiercel.tasks.stack.waiting.shift_plans import plan_shifts


async def plan_stack(change: StackChange, stack: Stack | None, *, creates: bool) -> Plan | None:
    """Plan, and show the plan meanwhile; None if another run has changed the stack since.

    Raises DeployFailedError if the service role cannot do what is planned.
    """
    token = next_token(change, stack)
    plan = await call(
        plan_changes, change.access, change_set_request(change, token, creates=creates)
    )
    if plan is None:
        get_run_logger().info("%s: another run has changed the stack", change.intent.service)
        return None
    get_run_logger().info("%s: plan: %s", change.intent.service, plan.summary())
    check = await _role_check(change, plan)
    past = await changed_past(change.records, stack, plan)
    shifts = await _planned_shifts(change, plan)
    beside = BesidePlan(check, change.outside, past, shifts)
    change.show(report_plan(change.names, change.links, plan, beside))
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
