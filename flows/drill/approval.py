"""How a drill begins: what is there, what that means, and who has approved exactly that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from prefect import get_run_logger

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.drill.inventory import Inventory
from tiercel.domain.drill.plan import DrillPlan, Foundation, plan_drill
from tiercel.domain.drill.record import ApprovalKind, Begun, OpenDrill
from tiercel.domain.drill.report import expected_seconds
from tiercel.domain.drill.rules import require_drillable, require_typed_approval
from tiercel.domain.drill.shadow import rebuild_command
from tiercel.domain.drill.standing_approval import (
    StandingApproval,
    approved_by,
    waiting_for_approval,
)
from tiercel.domain.organization.topology import Drills
from tiercel.domain.pages.environment.drill_page import drill_plan_page
from tiercel.domain.release.ledger import Intent
from tiercel.flows.drill.artifacts import find_gone, make_whole
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import both, call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.aws.caller import caller_arn
from tiercel.tasks.records.ephemeral import read_environments
from tiercel.tasks.records.ledger import read_live_releases
from tiercel.tasks.teardown.approvals import read_approvals
from tiercel.tasks.teardown.drill_records import (
    begin_drill,
    list_drills,
    open_drill,
    read_drill,
    read_open_drill,
    read_reports,
)
from tiercel.tasks.teardown.inventory import Looker, list_stacks, take_inventory

TREND = 10
"""Earlier drills that are looked at for what this one should take."""


@dataclass(frozen=True)
class Approval:
    """What a person typed: nothing for a run of a schedule."""

    digest: str
    account: str
    bucket_names: frozenset[str]


PlanFoundation = Callable[[], Awaitable[Foundation]]
"""Says which of the account's own resources a drill destroys and makes as well."""


async def begun_or_approved(
    target: ReleaseTarget,
    asked: Approval,
    settings: Drills,
    foundation: PlanFoundation | None = None,
    *,
    plan_only: bool,
) -> Begun | DrillPlan:
    """Return the drill that is open, or one that is approved and was just opened.

    The plan if only that was asked for. Raises RefusedInputError if anything forbids it, and if
    nobody approved it: nothing was deleted then.
    """
    begun = await begun_already(target)
    if begun:
        return begun.plan if plan_only else begun
    standing = await call(read_approvals)
    plan, gone = await _planned(target, asked, standing, foundation)
    if plan_only:
        return plan
    kind, who = await _approved(target, plan, asked, standing)
    await make_whole(gone)
    return await opened_with(target, plan, kind, who, settings)


async def begun_already(target: ReleaseTarget) -> Begun | None:
    """Return the drill of these stacks that is open, None if there is none.

    Raises RefusedInputError if another drill is open.
    """
    opened = await call(read_open_drill, target.records)
    if opened is None:
        return None
    if not opened.stops(target.names.stack_prefix):
        raise _other_drill(opened)
    get_run_logger().info("drill %d is open, with its plan: it goes on", opened.number)
    return await call(read_drill, target.records, opened.number)


async def _planned(
    target: ReleaseTarget,
    asked: Approval,
    standing: tuple[StandingApproval, ...],
    foundation: PlanFoundation | None,
) -> tuple[DrillPlan, list[Intent]]:
    """Return the plan of what is there now, which it shows, and whose artifacts are gone."""
    names = target.names
    looker = Looker(target.auditor, target.destroyer)
    found = await call(list_stacks, target.auditor, names.prefix)
    inventory, live = await both(
        call(take_inventory, looker, found), call(read_live_releases, target.records)
    )
    running = {one.stack: one.running.intent for one in live if one.running}
    require_drillable(names, inventory, running, _given_up(inventory, asked, standing))
    gone = await find_gone(target, [running[one.name] for one in inventory.stacks])
    plan = plan_drill(names.organization, names.environment.name, inventory, running)
    plan = await _with_borrowers(target, plan)
    if foundation:
        plan = plan.model_copy(update={"foundation": await foundation()})
    await show_plan(target, plan)
    return plan, gone


async def show_plan(target: ReleaseTarget, plan: DrillPlan) -> None:
    """Show a plan, with how long the last drills of the same took and what this one should take."""
    reports = await call(read_reports, target.records, TREND)
    earlier = [one for one in reports if one.environment == plan.environment]
    get_run_logger().info("plan %s: %s", plan.digest, plan.summary())
    await show_page(
        f"drill-{target.names.page}",
        f"Drill of {plan.environment}: {plan.summary()}",
        drill_plan_page(plan, expected_seconds(plan, earlier), earlier),
    )


async def _with_borrowers(target: ReleaseTarget, plan: DrillPlan) -> DrillPlan:
    """Return the plan with the environments on demand that take outputs of what it deletes."""
    found = await call(read_environments, target.records)
    borrowers = found.borrowers({one.service for one in plan.stacks})
    plan = plan.model_copy(update={"borrowers": borrowers})
    unread = [f"{one.name}: {one.failure.what}" for one in found.unreadable]
    for line in (*plan.warnings(), *unread):
        get_run_logger().warning("%s", line)
    return plan


def _given_up(
    inventory: Inventory, asked: Approval, standing: tuple[StandingApproval, ...]
) -> set[str]:
    """Return the names of buckets that somebody lets go; a pattern stands for those it fits."""
    patterns = [pattern for one in standing for pattern in one.bucket_names]
    names = {held.name for stack in inventory.stacks for held in stack.data}
    fitting = {one for one in names if any(fnmatchcase(one, pattern) for pattern in patterns)}
    return fitting | asked.bucket_names


async def _approved(
    target: ReleaseTarget, plan: DrillPlan, asked: Approval, standing: tuple[StandingApproval, ...]
) -> tuple[ApprovalKind, str]:
    if asked.digest:
        require_typed_approval(plan, asked.digest, asked.account)
        return ApprovalKind.TYPED, await call(caller_arn, target.names.environment.region)
    now = datetime.now(UTC)
    approval = approved_by(plan, standing, now)
    if approval is None:
        raise waiting_for_approval(plan, standing, now)
    return ApprovalKind.STANDING, approval.by


async def opened_with(
    target: ReleaseTarget, plan: DrillPlan, kind: ApprovalKind, who: str, settings: Drills
) -> Begun:
    """Write the plan down and make every other run wait; another drill that was faster wins."""
    names = target.names
    while True:
        known = await call(list_drills, target.records)
        number = known[-1] + 1 if known else 1
        begun = Begun(
            number=number,
            plan=plan,
            digest=plan.digest,
            approved_by=who,
            approval=kind,
            at=datetime.now(UTC),
            flow_run=target.run,
            express=settings.express,
        )
        if await call(begin_drill, target.records, begun):
            break
    opened = await call(open_drill, target.records, begun.marker(names.stack_prefix))
    if opened.number == number:
        get_run_logger().info("drill %d is open", number)
        return begun
    if opened.stops(names.stack_prefix):
        return await call(read_drill, target.records, opened.number)
    raise _other_drill(opened)


def _other_drill(opened: OpenDrill) -> RefusedInputError:
    return RefusedInputError(
        "drill.other_drill_open",
        f"drill {opened.number} of {opened.environment} is open",
        where=f"environment {opened.environment}",
        why="one drill at a time writes its records into a bucket",
        state="nothing was deleted",
        remedy=f"wait for its end, or let it go on: `{rebuild_command(opened.environment)}`",
    )
