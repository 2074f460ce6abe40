"""What the reaper looks at before it decides: AWS, the ledger, records."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.failure import Failure
from tiercel.domain.ephemeral.found import RecordsFound
from tiercel.domain.organization.topology import LEAST_RELEASES
from tiercel.domain.release.entries import Entry, UnreadableEntry, number_of, stack_of
from tiercel.domain.release.ledger import ReleaseStatus
from tiercel.domain.teardown.leftovers_seen import LeftoversSeen, ReapScope, StackThere
from tiercel.domain.teardown.reaper import ReaperMemory
from tiercel.domain.teardown.retention import counts, newest_artifacts
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.artifacts import find_needed_packages
from tiercel.tasks.records.ephemeral import read_environments
from tiercel.tasks.records.ledger import read_needed_entries
from tiercel.tasks.teardown.leftovers import (
    find_log_groups,
    find_tagged_resources,
    list_all_stacks,
    list_change_sets,
    list_staged,
)

_R = TypeVar("_R")


@dataclass
class ReaperLook:
    """One look: where, with which memory; `unread` fills with what could not be looked at."""

    target: ReleaseTarget
    scope: ReapScope
    memory: ReaperMemory
    unread: list[Failure] = field(default_factory=list)

    async def tried(self, look: Awaitable[_R], otherwise: _R) -> _R:
        """Return what a look finds; where it fails, what means that nothing is known."""
        try:
            return await look
        except TiercelError as error:
            self.unread.append(error.failure)
            return otherwise


async def read_records(look: ReaperLook) -> RecordsFound:
    """Return the records of environments on demand, none where there are no such environments."""
    if not look.scope.on_demand:
        return RecordsFound()
    return await call(read_environments, look.target.records)


async def look_at_leftovers(
    look: ReaperLook, records: RecordsFound
) -> tuple[LeftoversSeen, list[StackThere], list[Entry]]:
    """Return what lies about, all stacks, and the entries of the ledger that count.

    Stacks are listed after what they may own, and the ledger is read last: what is made meanwhile
    is seen with its owner, or not at all.
    """
    target, scope = look.target, look.scope
    reader = target.auditor
    resources = await look.tried(call(find_tagged_resources, reader, scope.organization), [])
    functions = {one.arn.rpartition(":")[2] for one in resources if ":lambda:" in one.arn}
    prefixes = (scope.permanent, scope.ephemeral)
    groups = await look.tried(call(find_log_groups, reader, prefixes, functions), [])
    bucket = target.names.staging_bucket
    staged = await look.tried(call(list_staged, target.deployer, bucket), [])
    stacks = await call(list_all_stacks, reader)
    ours = [one for one in stacks if scope.has(one.name) and not one.is_nested]
    change_sets = await call(list_change_sets, reader, ours)
    released, entries = await entries_that_count(look, records)
    needed = await look.tried(packages_needed(target, entries), None)
    seen = LeftoversSeen(
        stacks=tuple(stacks),
        change_sets=tuple(change_sets),
        resources=tuple(resources),
        log_groups=tuple(groups),
        staged=tuple(staged),
        released=released,
        open_releases=_open_releases(entries),
        needed=None if needed is None else frozenset(needed),
        first_seen=look.memory.first_seen,
    )
    return seen, stacks, entries


async def entries_that_count(
    look: ReaperLook, records: RecordsFound
) -> tuple[frozenset[str], list[Entry]]:
    """Return all stacks of the ledger, and the entries of those whose needs count."""
    return await call(
        read_needed_entries,
        look.target.records,
        LEAST_RELEASES,
        lambda stack: counts(stack, look.scope.ephemeral, records.names_alive),
    )


async def packages_needed(
    target: ReleaseTarget, entries: Iterable[Entry]
) -> dict[str, PackagedObject] | None:
    """Return the packages that these releases need, by key; None if that is not known."""
    artifacts = newest_artifacts(entries)
    if artifacts is None:
        return None
    return await call(find_needed_packages, target.records, artifacts)


def _open_releases(entries: Iterable[Entry]) -> frozenset[tuple[str, int]]:
    """A release of which nothing can be read may well be open."""
    return frozenset(
        (stack_of(one), number_of(one))
        for one in entries
        if isinstance(one, UnreadableEntry) or one.status is ReleaseStatus.OPEN
    )
