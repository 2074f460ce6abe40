"""Environments on demand that the reaper ends: those with a record, and stacks that have none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prefect import get_run_logger

from tiercel.domain.ephemeral.environments import EphemeralRecord, EphemeralState, going_down
from tiercel.domain.ephemeral.lifetimes import LifeDecision, LifeReason, LifeStep, still_meant
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.teardown.leftovers_seen import StackThere
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.ephemeral.going_down import take_down
from tiercel.flows.reaping.deeds import ReaperDeeds
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.teardown.stack_deletion import StackDeletion, delete_one_stack
from tiercel.tasks.records.ephemeral import change_environment, read_environment

_WITHOUT_RECORD = (LifeReason.UNRECORDED, LifeReason.STACKS_LEFT)


async def end_environments(
    topology: Topology,
    deeds: ReaperDeeds,
    lives: Iterable[LifeDecision],
    records: Iterable[EphemeralRecord],
    stacks: Sequence[StackThere],
) -> None:
    """Destroy the environments that are over; one that stays holds up no other."""
    by_name = {one.name: one for one in records}

    async def end(one: LifeDecision) -> bool:
        target = ReleaseTarget.called(topology, Names.ephemeral(topology, one.name))
        if one.reason in _WITHOUT_RECORD:
            return await _end_stacks(target, topology, stacks)
        return await _end(target, topology, one, by_name[one.name])

    over = [one for one in lives if one.step is LifeStep.DESTROY]
    await each(over, lambda one: deeds.tried(one.name, end(one)))


async def _end(
    target: ReleaseTarget, topology: Topology, one: LifeDecision, seen: EphemeralRecord
) -> bool:
    """End an environment unless it was extended, or made anew, since it was looked at."""

    def ended(found: EphemeralRecord | None) -> EphemeralRecord:
        if found is not None and not still_meant(seen, found):
            return found
        return going_down(found, one.name, target.run)

    record = await call(change_environment, target.records, one.name, ended)
    if record.state is not EphemeralState.GOING_DOWN or not still_meant(seen, record):
        get_run_logger().info("%s: stays: it was extended or made anew meanwhile", one.name)
        return False
    await take_down(target, record, express=topology.on_demand.express)
    return True


async def _end_stacks(
    target: ReleaseTarget, topology: Topology, stacks: Sequence[StackThere]
) -> bool:
    """Delete stacks that nobody recorded, the newest first: it may use what was made before it.

    Whoever made one after the records were read has recorded that before.
    """
    record = await call(read_environment, target.records, target.names.on_demand)
    if record and record.is_active:
        get_run_logger().info("%s: stays: it was made anew meanwhile", record.name)
        return False
    prefix = target.names.stack_prefix
    mine = [one for one in stacks if one.name.startswith(prefix) and not one.is_nested]
    for one in sorted(mine, key=lambda stack: stack.created, reverse=True):
        await delete_one_stack(
            StackDeletion(
                target=target,
                stack=one.name,
                tags=target.names.stack_tags(one.name.removeprefix(prefix)),
                key=target.run,
                stack_id=one.stack_id,
                express=topology.on_demand.express,
            )
        )
    return bool(mine)
