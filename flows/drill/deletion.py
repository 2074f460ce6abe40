"""The first half of a drill: everything on the list goes, and nothing else; then it is looked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from prefect import get_run_logger

from tiercel.domain.base.errors import RefusedInputError, TiercelError, combined
from tiercel.domain.drill.deletion import consumers
from tiercel.domain.drill.failures import appeared_since, newer_than_the_plan
from tiercel.domain.drill.inventory import SeenStack
from tiercel.domain.drill.plan import PlannedStack, changes_since
from tiercel.domain.drill.record import DrillStep, Phase, Remains
from tiercel.domain.teardown.stack_deletion import DeletedStack
from tiercel.flows.drill.along import along
from tiercel.flows.drill.under_way import Drill, failed_step
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.release.stack.lease import lease_of
from tiercel.flows.teardown.stack_deletion import SeenAlone, StackDeletion, delete_one_stack
from tiercel.tasks.teardown.absence import wait_until_gone
from tiercel.tasks.teardown.drill_records import is_proven_empty
from tiercel.tasks.teardown.inventory import list_stacks, look_at_stack

_LONGEST_GOING_SECONDS = 1200.0
"""Deleting a function with a network interface takes AWS 20 minutes and more."""


async def delete_all(drill: Drill, meanwhile: Callable[[], None]) -> None:
    """Delete every stack of the plan, whoever uses another's outputs first, side by side.

    What has time may begin `meanwhile`: that is called whenever a stack begins to go, and when one
    is decided.

    A stack that is not as the plan knows it stays, and so do those that it needs; that is written
    down. Whatever else fails is raised once all others have ended: the next run goes on.
    """

    async def one(name: str) -> DrillStep:
        planned = drill.plan.stack(name)
        done = drill.done(Phase.DELETE, name) or await _delete(drill, planned, meanwhile)
        meanwhile()
        return done

    _, failed = await along(consumers(drill.plan.graph), one)
    if failed:
        raise combined(failed)


async def _delete(drill: Drill, planned: PlannedStack, meanwhile: Callable[[], None]) -> DrillStep:
    """Delete a stack under its lease, unless another run of the drill has decided otherwise."""
    began = datetime.now(UTC)
    kept = [one for one in consumers(drill.plan.graph)[planned.name] if one not in drill.deleted]
    if kept:
        why = f"{', '.join(sorted(kept))} stays and needs it"
        return await _left(drill, planned, began, newer_than_the_plan(planned, [why]))
    async with lease_of(drill.target, planned.name) as lease:
        await lease.take()
        ended = await drill.ended(Phase.DELETE, planned.name)
        if ended:
            return ended
        try:
            found = await _as_planned(drill, planned)
            drill.going.add(planned.name)
            meanwhile()
            seen = SeenAlone(found.stack if found else None, lease)
            deleted = await delete_one_stack(_wish(drill, planned, seen))
        except RefusedInputError as error:
            return await _left(drill, planned, began, error)
        step = deleted_step(planned, deleted, began)
        return await drill.record(step.model_copy(update={"data": found.data if found else ()}))


async def _left(
    drill: Drill, planned: PlannedStack, began: datetime, error: RefusedInputError
) -> DrillStep:
    get_run_logger().warning("%s stays: %s", planned.name, error)
    return await drill.record(failed_step(Phase.DELETE, planned.name, began, error))


async def _as_planned(drill: Drill, planned: PlannedStack) -> SeenStack | None:
    """Return the stack as it is now, None if it is gone.

    Raises RefusedInputError if anything is newer than the plan, but what this drill began itself.
    """
    found = await call(look_at_stack, drill.looker, planned.name)
    if found and not _is_going(drill, found):
        changes = changes_since(planned, found)
        if changes:
            raise newer_than_the_plan(planned, changes)
    return found


def _wish(drill: Drill, planned: PlannedStack, seen: SeenAlone) -> StackDeletion:
    return StackDeletion(
        target=drill.target,
        stack=planned.name,
        tags=drill.target.names.stack_tags(planned.service),
        key=_key(drill),
        stack_id=planned.stack_id,
        express=drill.begun.express,
        seen=seen,
    )


def _key(drill: Drill) -> str:
    return f"drill-{drill.begun.number}"


def deleted_step(planned: PlannedStack, deleted: DeletedStack, began: datetime) -> DrillStep:
    """Return the step of a stack that is gone, with what is left of it."""
    return DrillStep(
        phase=Phase.DELETE,
        stack=planned.name,
        began=began,
        ended=datetime.now(UTC),
        stack_id=planned.stack_id,
        lost=dict(deleted.emptied or {}),
        remains=tuple(
            Remains(
                path=one.path,
                physical_id=one.physical_id,
                resource_type=one.resource_type,
                reason=one.reason or "the template retains it",
            )
            for one in deleted.retained
        ),
    )


async def leave_the_rest(drill: Drill) -> None:
    """Begin no other deletion: what is still as it was stays, and what is gone will come back.

    A deletion that has begun cannot be taken back: it comes to its end, and the stack comes back.
    It is decided under each stack's lease, since another run of the drill may be at work.
    """
    await all_done(_leave(drill, planned) for planned in drill.plan.stacks)


async def _leave(drill: Drill, planned: PlannedStack) -> None:
    if drill.done(Phase.DELETE, planned.name):
        return
    async with lease_of(drill.target, planned.name) as lease:
        await lease.take()
        if await drill.ended(Phase.DELETE, planned.name):
            return
        found = await call(look_at_stack, drill.looker, planned.name)
        if found and not _is_going(drill, found):
            error = newer_than_the_plan(planned, ["somebody gave its deletion up"])
            await _left(drill, planned, datetime.now(UTC), error)


def _is_going(drill: Drill, found: SeenStack) -> bool:
    return found.token.startswith(f"delete-{_key(drill)}-")


async def prove_empty(drill: Drill) -> None:
    """Look again: no stack is there but those that were left alone, and no data of the others.

    What appeared since the plan is reported, and left alone.
    """
    if drill.done(Phase.PROVE_EMPTY):
        return
    began = datetime.now(UTC)
    there = await call(list_stacks, drill.target.auditor, drill.target.names.prefix)
    known = {one.name for one in drill.plan.stacks}
    extra = [name for name in there if name not in known]
    left = [name for name in there if name in drill.deleted]
    remains = {one.physical_id for step in drill.deleted.values() for one in step.remains}
    gone = [
        one
        for name in drill.deleted
        for one in drill.plan.stack(name).resources
        if not one.retained and one.physical_id not in remains
    ]
    proven = partial(is_proven_empty, drill.target.records, drill.begun.number)
    still = await call(
        wait_until_gone, drill.target.destroyer, gone, _LONGEST_GOING_SECONDS, proven
    )
    failure: TiercelError | None = None
    if extra or left or still:
        if await drill.ended(Phase.PROVE_EMPTY):
            return  # by another run, which brings back what is there
        failure = appeared_since(drill.plan.environment, [*extra, *left], still)
        get_run_logger().warning("%s", failure)
    await drill.record(
        DrillStep(
            phase=Phase.PROVE_EMPTY,
            began=began,
            ended=datetime.now(UTC),
            failure=failure.failure if failure else None,
        )
    )
