"""The second half of a drill: everything comes back, from the ledger's artifacts alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.base.errors import combined
from tiercel.domain.drill.comparison import compared_stack, ids_before, ids_now
from tiercel.domain.drill.deletion import filled
from tiercel.domain.drill.inventory import SeenStack
from tiercel.domain.drill.plan import PlannedStack
from tiercel.domain.drill.record import DrillStep, Phase
from tiercel.domain.release.rollback import rebuilding
from tiercel.flows.drill.along import along
from tiercel.flows.drill.under_way import Drill
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.results import Released
from tiercel.flows.release.sequence import Wish, release
from tiercel.tasks.records.artifacts import read_artifact
from tiercel.tasks.records.ledger import no_release, read_release
from tiercel.tasks.stack.stacks import observe_stack
from tiercel.tasks.teardown.inventory import take_inventory

_Outputs = dict[str, str]


async def rebuild_all(drill: Drill) -> None:
    """Release every stack that was deleted again, what it needs first, side by side.

    The very packages, templates and parameters that the ledger names; of a parameter that another
    stack's output filled, the new output. Raises what failed once all others have ended.
    """

    async def one(name: str) -> _Outputs:
        planned = drill.plan.stack(name)
        if name in drill.deleted and not drill.done(Phase.REBUILD, name):
            return (await _rebuild(drill, planned)).outputs
        stack = await call(observe_stack, drill.target.deployer, name)
        return stack.outputs if stack else {}

    _, failed = await along(drill.plan.graph, one)
    if failed:
        raise combined(failed)


async def _rebuild(drill: Drill, planned: PlannedStack) -> Released:
    began = datetime.now(UTC)
    await _names_are_free(drill, planned, began)
    target, records = drill.target, drill.target.records
    earlier = await call(read_release, records, planned.name, planned.number)
    if earlier is None:
        raise no_release(planned.name, planned.number, records.bucket)
    manifest = await call(
        read_artifact, records, planned.service, planned.artifact_id, planned.artifact_digest
    )
    parameters = filled(
        planned.parameters,
        {name: drill.plan.stack(name).outputs for name in planned.depends_on},
        await _outputs_now(drill, planned),
    )
    released = await release(Wish(target, rebuilding(earlier, parameters), manifest))
    await drill.record(rebuilt_step(planned, released, began))
    return released


def rebuilt_step(planned: PlannedStack, released: Released, began: datetime) -> DrillStep:
    """Return the step of a stack that is there again, with what its release took."""
    intent, outcome = released.release.intent, released.release.outcome
    return DrillStep(
        phase=Phase.REBUILD,
        stack=planned.name,
        began=began,
        ended=datetime.now(UTC),
        stack_id=released.stack.stack_id,
        number=intent.number,
        artifact_digest=intent.artifact_digest,
        template_sha256=intent.template_sha256,
        steps=outcome.durations if outcome else {},
    )


async def _outputs_now(drill: Drill, planned: PlannedStack) -> dict[str, _Outputs]:
    found = {}
    for name in planned.depends_on:
        stack = await call(observe_stack, drill.target.deployer, name)
        found[name] = stack.outputs if stack else {}
    return found


async def _names_are_free(drill: Drill, planned: PlannedStack, now: datetime) -> None:
    """Wait as long as AWS keeps a name of the deleted stack, in sight."""
    gone = drill.deleted[planned.name].ended
    left = planned.wait_seconds - (now - gone).total_seconds()
    if left > 0:
        get_run_logger().info("%s: %.0f s until its queue's name is free", planned.name, left)
        await asyncio.sleep(left)


async def verify_all(drill: Drill) -> None:
    """Compare every stack with what it was before, and write down what differs."""
    began = datetime.now(UTC)
    names = [one.name for one in drill.plan.stacks if one.name in drill.deleted]
    waiting = [name for name in names if not drill.done(Phase.VERIFY, name)]
    if not waiting:
        return
    inventory = await call(take_inventory, drill.looker, names)
    found = {one.name: one for one in inventory.stacks}
    await each(waiting, lambda name: _verify(drill, name, found, began))


async def _verify(drill: Drill, name: str, found: dict[str, SeenStack], began: datetime) -> None:
    rebuilt, stack = drill.done(Phase.REBUILD, name), found.get(name)
    wrong: tuple[str, ...] = ("it is not there",)
    anew: tuple[str, ...] = ()
    if stack and rebuilt:
        entry = await call(read_release, drill.target.records, name, rebuilt.number)
        if entry is None:
            raise no_release(name, rebuilt.number, drill.target.records.bucket)
        before, now = ids_before(drill.plan), ids_now(found.values())
        wrong, anew = compared_stack(drill.plan.stack(name), stack, entry.intent, before, now)
    await drill.record(
        DrillStep(
            phase=Phase.VERIFY,
            stack=name,
            began=began,
            ended=datetime.now(UTC),
            differences=wrong,
            generated=anew,
        )
    )
