"""The second half of a drill: everything comes back, from the ledger's artifacts alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import TiercelError, combined
from tiercel.domain.drill.comparison import Ids, compared_stack, ids_before, ids_now
from tiercel.domain.drill.deletion import filled, rebuild_waves
from tiercel.domain.drill.failures import not_rebuilt
from tiercel.domain.drill.inventory import SeenStack
from tiercel.domain.drill.plan import PlannedStack
from tiercel.domain.drill.record import DrillStep, Phase
from tiercel.domain.organization.access import Records
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.rollback import rebuilding
from tiercel.flows.drill.ahead import Ahead
from tiercel.flows.drill.along import along
from tiercel.flows.drill.under_way import REBUILD_VERDICTS, Drill, failed_step
from tiercel.flows.engine.concurrency import all_done, call, each
from tiercel.flows.release.provenance import require_provenance
from tiercel.flows.release.results import Released
from tiercel.flows.release.sequence import Ready, Wish, release, stage_packages
from tiercel.flows.release.stack.lease import lease_of
from tiercel.tasks.records.artifacts import read_artifact
from tiercel.tasks.records.ledger import no_release, read_release
from tiercel.tasks.stack.stacks import observe_stack
from tiercel.tasks.teardown.inventory import Looker, look_at_stack

_Outputs = dict[str, str]


@dataclass(frozen=True)
class Source:
    """What a stack is rebuilt from: its release, and its artifact, verified and staged."""

    earlier: Release
    manifest: Manifest


async def made_ready(drill: Drill, stack: str) -> Source:
    """Read, verify and stage what a stack is rebuilt from. Nothing of it depends on other stacks.

    Raises RefusedInputError or UntrustedArtifactError for what may not be released.
    """
    target, records, planned = drill.target, drill.target.records, drill.plan.stack(stack)
    earlier = await _entry(records, planned.name, planned.number)
    manifest = await call(
        read_artifact, records, planned.service, planned.artifact_id, planned.artifact_digest
    )
    await require_provenance(target.orchestrator, target.names, manifest)
    await stage_packages(target, manifest)
    return Source(earlier, manifest)


def begin_all(drill: Drill, ready: Ahead[Source]) -> None:
    """Begin to make ready what comes back by now, in the order in which it does.

    Nothing before one stack is gone: until then, the first deletions need the time.
    """
    if not drill.deleted:
        return
    wanted = drill.coming_back
    for wave in rebuild_waves(drill.plan.graph):
        for name in wave:
            if name in wanted and not drill.done(Phase.REBUILD, name):
                ready.begin(name)


async def rebuild_all(
    drill: Drill, ready: Ahead[Source], seen: Ahead[SeenStack | None], *, give_up: bool
) -> None:
    """Release every stack that was deleted again, what it needs first, side by side.

    The very packages, templates and parameters that the ledger names; of a parameter that another
    stack's output filled, the new output. Each is looked at, to be `seen`, as soon as it is there.
    Raises what failed once all others have ended. Whoever gives the drill up writes down in place
    of that what cannot be rebuilt, and what needs it: otherwise a release that can succeed no more
    would keep the drill open, and the one that is corrected would wait for its end.
    """

    outputs: dict[str, _Outputs] = {}

    async def one(name: str) -> bool | None:
        released = None
        if name in drill.deleted and not drill.done(Phase.REBUILD, name):
            released = await _rebuilt_if_it_can(drill, name, ready, outputs, give_up=give_up)
        if drill.stays_away(name):
            return None
        if released:
            outputs[name] = released.outputs
            seen.begin(name)
        else:
            stack = await call(observe_stack, drill.target.deployer, name)
            outputs[name] = stack.outputs if stack else {}
        return True

    begin_all(drill, ready)
    _, failed = await along(drill.plan.graph, one)
    if failed:
        raise combined(failed)
    await _leave_what_was_not_begun(drill)


async def _rebuilt_if_it_can(
    drill: Drill,
    name: str,
    ready: Ahead[Source],
    outputs: Mapping[str, _Outputs],
    *,
    give_up: bool,
) -> Released | None:
    """Return what this run has released, None if another run or a failure has decided on it.

    A failure is written down under the lease: another run may be releasing the stack just then.
    """
    began = datetime.now(UTC)
    try:
        return await _rebuild(drill, name, await ready.of(name), outputs)
    except REBUILD_VERDICTS as error:
        if not give_up:
            raise
        async with lease_of(drill.target, name) as lease:
            await lease.take()
            await _leave(drill, name, began, error)
        return None


async def _leave_what_was_not_begun(drill: Drill) -> None:
    """Write down which stacks need one that was given up, and that they stay away for that."""
    for wave in rebuild_waves(drill.plan.graph):
        for name in wave:
            if name in drill.deleted and not drill.done(Phase.REBUILD, name):
                missing = [one for one in drill.plan.graph[name] if drill.stays_away(one)]
                error = not_rebuilt(drill.plan.stack(name), missing)
                await _leave(drill, name, datetime.now(UTC), error)


async def _leave(drill: Drill, name: str, began: datetime, error: TiercelError) -> None:
    step = await drill.record(failed_step(Phase.REBUILD, name, began, error))
    if step.failure:
        get_run_logger().warning("%s does not come back: %s", name, error)


async def _rebuild(
    drill: Drill, name: str, source: Source, outputs: Mapping[str, _Outputs]
) -> Released | None:
    """Release a stack again, under a lease that is taken first: then one look at it is enough.

    None if another run has decided on it by then: after the drill's end it is for other releases.
    """
    began, planned = datetime.now(UTC), drill.plan.stack(name)
    await _names_are_free(drill, planned, began)
    parameters = filled(
        planned.parameters,
        {one: drill.plan.stack(one).outputs for one in planned.depends_on},
        {one: outputs[one] for one in planned.depends_on},
    )
    wanted = rebuilding(source.earlier, parameters)
    async with lease_of(drill.target, planned.name) as lease:
        await lease.take()
        if await drill.ended(Phase.REBUILD, name):
            return None
        ready = Ready(await drill.acts_as())
        released = await release(
            Wish(drill.target, wanted, source.manifest, lease=lease, ready=ready)
        )
        drill.rebuilt[name] = released.release.intent
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


async def _names_are_free(drill: Drill, planned: PlannedStack, now: datetime) -> None:
    """Wait as long as AWS keeps a name of the deleted stack, in sight."""
    gone = drill.deleted[planned.name].ended
    left = planned.wait_seconds - (now - gone).total_seconds()
    if left > 0:
        get_run_logger().info("%s: %.0f s until its queue's name is free", planned.name, left)
        await asyncio.sleep(left)


async def looked_at(drill: Drill, stack: str) -> SeenStack | None:
    """Return a stack as it is, None if there is none. What data it holds is not counted."""
    return await call(look_at_stack, Looker(drill.target.auditor), stack)


async def verify_all(drill: Drill, seen: Ahead[SeenStack | None]) -> None:
    """Compare every stack that is back with what it was before, and write down what differs."""
    began = datetime.now(UTC)
    gone = [one.name for one in drill.plan.stacks if one.name in drill.deleted]
    names = [name for name in gone if not drill.stays_away(name)]
    waiting = [name for name in names if not drill.done(Phase.VERIFY, name)]
    if not waiting:
        return
    looks = await all_done(seen.of(name) for name in names)
    found = {one.name: one for one in looks if one}
    before, now = ids_before(drill.plan), ids_now(found.values())

    async def verify(name: str) -> None:
        wrong, anew = await _compared(drill, name, found.get(name), before, now)
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

    await each(waiting, verify)


async def _compared(
    drill: Drill, name: str, stack: SeenStack | None, before: Ids, now: Ids
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is wrong with a stack, and which ids were generated anew."""
    rebuilt = drill.done(Phase.REBUILD, name)
    if stack is None or rebuilt is None:
        return ("it is not there",), ()
    intent = drill.rebuilt.get(name)
    if intent is None:  # an earlier run of the drill has released it
        intent = (await _entry(drill.target.records, name, rebuilt.number)).intent
    return compared_stack(drill.plan.stack(name), stack, intent, before, now)


async def _entry(records: Records, stack: str, number: int) -> Release:
    """Return an entry of the ledger; RefusedInputError if there is none of that number."""
    found = await call(read_release, records, stack, number)
    if found is None:
        raise no_release(stack, number, records.bucket)
    return found
