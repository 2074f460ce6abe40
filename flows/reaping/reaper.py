"""One pass of the reaper: look, decide, warn, delete, remember, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from prefect import get_run_logger
from prefect.events import emit_event

from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.base.errors import TiercelError, combined, error_from
from tiercel.domain.ephemeral.environments import EphemeralRecord
from tiercel.domain.ephemeral.found import RecordsFound
from tiercel.domain.ephemeral.lifetimes import LifeDecision, LifeStep, decide_lives, next_warned
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.domain.pages.environment.reap_page import reap_page
from tiercel.domain.release.candidates import long_left
from tiercel.domain.release.entries import stack_of
from tiercel.domain.teardown.leftovers import Judgement, judge_leftovers, next_memory
from tiercel.domain.teardown.leftovers_seen import ReapScope
from tiercel.domain.teardown.reaper import ENDS_SOON_EVENT, ReaperMemory, ReapReport, ends_soon
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.reaping.deeds import ReaperDeeds, delete_leftovers, unstage
from tiercel.flows.reaping.ends import end_environments
from tiercel.flows.reaping.left_candidates import put_candidates_back
from tiercel.flows.reaping.lives import look_at_lives
from tiercel.flows.reaping.look import (
    ReaperLook,
    entries_that_count,
    look_at_leftovers,
    packages_needed,
    read_records,
)
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.teardown.drill_records import read_open_drill
from tiercel.tasks.teardown.reaper_memory import KeptMemory, read_memory, write_memory


async def reap_once(
    topology: Topology, environment: str, *, dry_run: bool, now: datetime | None = None
) -> ReapReport:
    """Go through one environment, and return what was found and done; see `reap`.

    Ages are told by the bucket's own clock unless the time is given.
    """
    names = Names.of(topology, environment)
    scope = ReapScope.of(names, on_demand=topology.hosts_on_demand(environment))
    target = ReleaseTarget.of(topology, environment)
    kept = await call(read_memory, target.records)
    kept = replace(kept, now=now or kept.now)
    look = ReaperLook(target, scope, kept.memory)
    records = await read_records(look)
    seen, stacks, entries = await look_at_leftovers(look, records)
    lives = decide_lives(await look_at_lives(look, records, stacks), kept.now)
    leftovers = judge_leftovers(scope, seen, kept.now)
    own = [one for one in entries if stack_of(one).startswith(scope.permanent)]
    candidates = long_left(own, kept.now)
    deeds = ReaperDeeds(target, _on_demand(topology, scope), scope)
    unreadable = [one.failure for one in records.unreadable]
    opened = await call(read_open_drill, target.records)
    drill = opened if opened and opened.stops(names.prefix) else None
    if not dry_run and drill is None:
        _warn(lives, records.readable)
        await end_environments(topology, deeds, lives, records.readable, stacks)
        await put_candidates_back(deeds, candidates)
        await delete_leftovers(deeds, leftovers)
        await _unstage(deeds, look, leftovers, records)
        await _remember(target, kept, lives, leftovers)
    report = ReapReport(
        environment=environment,
        dry_run=dry_run,
        lives=lives,
        leftovers=leftovers,
        candidates=candidates,
        put_back=frozenset(deeds.put_back),
        done=frozenset(deeds.done),
        failures=tuple(one.failure for one in deeds.errors),
        unread=(*look.unread, *unreadable),
        drill=drill.number if drill else 0,
    )
    get_run_logger().info("%s: %s", environment, report.summary())
    await show_page(
        f"reaped-{environment}",
        f"Reaper of {environment}: {report.summary()}",
        reap_page(report),
    )
    errors = [*deeds.errors, *map(error_from, unreadable)]
    if errors:
        raise combined(errors)
    return report


def _on_demand(topology: Topology, scope: ReapScope) -> ReleaseTarget | None:
    return ReleaseTarget.called(topology, Names.ephemeral(topology)) if scope.on_demand else None


def _warn(lives: Sequence[LifeDecision], records: Sequence[EphemeralRecord]) -> None:
    """Tell of ends that are near: the automations of `tiercel up --notify` pass it on."""
    by_name = {one.name: one for one in records}
    for one in lives:
        if one.step is LifeStep.WARN:
            told = ends_soon(by_name[one.name])
            get_run_logger().warning("%s", told)
            emit_event(
                event=ENDS_SOON_EVENT,
                resource={"prefect.resource.id": f"tiercel.environment.{one.name}"},
                payload={"text": told},
            )


async def _unstage(
    deeds: ReaperDeeds,
    look: ReaperLook,
    leftovers: Sequence[Judgement],
    records: RecordsFound,
) -> None:
    async def needed_now() -> Mapping[str, PackagedObject] | None:
        _, entries = await entries_that_count(look, records)
        return await packages_needed(look.target, entries)

    try:
        await unstage(deeds, leftovers, needed_now)
    except TiercelError as error:
        deeds.errors.append(error)


async def _remember(
    target: ReleaseTarget,
    kept: KeptMemory,
    lives: Sequence[LifeDecision],
    leftovers: Sequence[Judgement],
) -> None:
    """Nothing is written that is remembered already: most looks find nothing new."""
    before, now = kept.memory, kept.now
    first_seen = next_memory(leftovers, before.first_seen, now)
    memory = ReaperMemory(first_seen=first_seen, warned=next_warned(lives, before.warned))
    if memory != before:
        await call(write_memory, target.records, memory, kept.version)
