"""A shadow drill under way: everything is rebuilt in an environment on demand, which goes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from tiercel.domain.base.errors import BuildFailedError, RefusedInputError, TiercelError
from tiercel.domain.drill.failures import appeared_since
from tiercel.domain.drill.plan import DrillPlan, PlannedStack
from tiercel.domain.drill.record import DrillStep, Phase
from tiercel.domain.drill.shadow import compared_shadow, require_there, wish_of
from tiercel.domain.ephemeral.contents import borrowed_by
from tiercel.domain.ephemeral.environments import EphemeralRecord, came_up, going_down, known
from tiercel.domain.organization.topology import Topology
from tiercel.domain.stack.observed import Stack
from tiercel.domain.teardown.stack_deletion import DeletedStack
from tiercel.flows.drill.along import along
from tiercel.flows.drill.deletion import deleted_step
from tiercel.flows.drill.rebuild import rebuilt_step
from tiercel.flows.drill.shadow import ShadowPart, stack_parts
from tiercel.flows.drill.under_way import REBUILD_VERDICTS, Drill, failed_step
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.ephemeral.coming_up import in_its_place, lent_outputs, place_taken
from tiercel.flows.ephemeral.going_down import take_down
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.release.sequence import Wish, release
from tiercel.flows.release.services import wanted_release
from tiercel.tasks.records.artifacts import read_artifact
from tiercel.tasks.records.ephemeral import change_environment, read_environment
from tiercel.tasks.stack.stacks import observe_stack
from tiercel.tasks.teardown.drill_records import close_drill
from tiercel.tasks.teardown.inventory import list_stacks

_Outputs = Mapping[str, str]


@dataclass(frozen=True)
class ShadowSource:
    """What a plan is rebuilt from, each artifact whole, and what its stacks borrow."""

    plan: DrillPlan
    parts: Mapping[str, ShadowPart]
    lent: Mapping[str, _Outputs]


@dataclass(frozen=True)
class Shadow:
    """A shadow drill, the environment in which it rebuilds, what from, and what it borrows."""

    drill: Drill
    record: EphemeralRecord
    parts: Mapping[str, ShadowPart]
    lent: Mapping[str, _Outputs]

    @property
    def name(self) -> str:
        """The name of the environment."""
        return self.record.name


async def shadow_source(topology: Topology, target: ReleaseTarget, plan: DrillPlan) -> ShadowSource:
    """Return what a plan is rebuilt from. What is gone of an artifact is built again from git.

    Raises one of REBUILD_VERDICTS or BuildFailedError if that is not to be had.
    """
    parts = await stack_parts(topology, target, plan)
    services = {part.service.name: part.service for part in parts.values()}
    lent = await lent_outputs(topology, borrowed_by(services, topology.on_demand.share))
    return ShadowSource(plan, parts, lent)


async def shadow_of(topology: Topology, drill: Drill, source: ShadowSource | None) -> Shadow:
    """Return a drill in its place, which is taken now or was before.

    A drill that was open already has no `source` yet, or another plan than that of the source. A
    drill that gets no place, or no source before it has done anything, is closed again.
    """
    if source is None or source.plan != drill.plan:
        source = await _source_of_opened(topology, drill)
    record = await _place(topology, drill)
    placed = {
        name: replace(
            part, prepared=in_its_place(part.prepared, record, express=drill.begun.express)
        )
        for name, part in source.parts.items()
    }
    return Shadow(drill, record, placed, source.lent)


async def _source_of_opened(topology: Topology, drill: Drill) -> ShadowSource:
    """Each run would fail alike, and as long as this drill is open there is no other."""
    try:
        return await shadow_source(topology, drill.target, drill.plan)
    except (*REBUILD_VERDICTS, BuildFailedError):
        if not drill.steps:
            await _close(drill)
        raise


async def _close(drill: Drill) -> None:
    target = drill.target
    await call(close_drill, target.records, drill.begun.marker(target.names.stack_prefix))


async def _place(topology: Topology, drill: Drill) -> EphemeralRecord:
    target = drill.target
    name = target.names.on_demand
    found = await call(read_environment, target.records, name)
    if drill.steps and found:
        return found
    try:
        return await place_taken(target, wish_of(drill.plan, name, target.run), topology.on_demand)
    except RefusedInputError:
        await _close(drill)
        raise


async def rebuild_shadow(shadow: Shadow) -> None:
    """Release every stack, what it needs first, side by side, with its seed and smoke test.

    What cannot be rebuilt is written down: that is what the drill is there to find.
    """
    drill = shadow.drill

    async def one(name: str) -> bool | None:
        done = drill.done(Phase.REBUILD, name)
        step = done or await _rebuild(shadow, drill.plan.stack(name))
        return None if step.failure else True

    _, failed = await along(drill.plan.graph, one)
    if failed:
        raise failed[0]
    if any(step.failure for step in drill.steps.values()):
        return
    await call(
        change_environment, drill.target.records, shadow.name,
        lambda found: came_up(known(found, shadow.name), "", drill.target.run),
    )  # fmt: skip


async def _rebuild(shadow: Shadow, planned: PlannedStack) -> DrillStep:
    drill, began = shadow.drill, datetime.now(UTC)
    try:
        found = await call(read_environment, drill.target.records, shadow.name)
        require_there(known(found, shadow.name).state, shadow.name)
        released = await release(await _wish(shadow, planned))
    except REBUILD_VERDICTS as error:
        return await drill.record(failed_step(Phase.REBUILD, planned.name, began, error))
    return await drill.record(rebuilt_step(planned, released, began))


async def _wish(shadow: Shadow, planned: PlannedStack) -> Wish:
    """Return the wish for the very artifact that is live, with what it needs as it is here."""
    part, target = shadow.parts[planned.name], shadow.drill.target
    manifest = await call(
        read_artifact, target.records,
        planned.service, planned.artifact_id, planned.artifact_digest,
    )  # fmt: skip
    outputs: dict[str, _Outputs] = {}
    for name in planned.depends_on:
        stack = await call(observe_stack, target.deployer, name)
        outputs[shadow.drill.plan.stack(name).service] = stack.outputs if stack else {}
    prepared, service = part.prepared, part.service
    wanted = wanted_release(prepared, service, manifest, {**outputs, **shadow.lent})

    async def fill(stack: Stack) -> None:
        if prepared.fill:
            await prepared.fill(service, stack)

    return Wish(prepared.target, wanted, manifest, fill=fill)


async def verify_shadow(shadow: Shadow) -> None:
    """Look at every stack that was rebuilt, once all are there: nobody else has changed it."""
    drill, began = shadow.drill, datetime.now(UTC)

    async def one(planned: PlannedStack) -> None:
        rebuilt = drill.done(Phase.REBUILD, planned.name)
        if rebuilt is None or rebuilt.failure or drill.done(Phase.VERIFY, planned.name):
            return
        stack = await call(observe_stack, drill.target.deployer, planned.name)
        wrong = compared_shadow(planned, rebuilt.number, stack.token if stack else None)
        await drill.record(
            DrillStep(
                phase=Phase.VERIFY,
                stack=planned.name,
                began=began,
                ended=datetime.now(UTC),
                differences=wrong,
            )
        )

    await each(drill.plan.stacks, one)


async def take_shadow_down(shadow: Shadow) -> None:
    """Delete everything again, and look whether nothing is left."""
    drill = shadow.drill
    if drill.done(Phase.PROVE_EMPTY):
        return
    target = drill.target
    record = await call(
        change_environment, target.records, shadow.name,
        lambda found: going_down(found, shadow.name, target.run),
    )  # fmt: skip
    told = partial(_gone, drill)
    await take_down(target, record, express=drill.begun.express, told=told)
    began = datetime.now(UTC)
    left = await call(list_stacks, target.auditor, target.names.stack_prefix)
    failure: TiercelError | None = None
    if left:
        failure = appeared_since(drill.plan.environment, left, [])
    await drill.record(
        DrillStep(
            phase=Phase.PROVE_EMPTY,
            began=began,
            ended=datetime.now(UTC),
            failure=failure.failure if failure else None,
        )
    )


async def _gone(drill: Drill, service: str, began: datetime, deleted: DeletedStack) -> None:
    """Write down that a stack is gone; one that an earlier run has deleted stands there already."""
    planned = drill.plan.stack(drill.target.names.stack(service))
    await drill.record(deleted_step(planned, deleted, began))
