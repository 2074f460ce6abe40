"""What the reaper looks at before it decides: AWS, the ledger, records, branches, pull requests."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.failure import Failure
from tiercel.domain.ephemeral.environments import EphemeralRecord, OriginKind
from tiercel.domain.ephemeral.found import RecordsFound
from tiercel.domain.ephemeral.lifetimes import Life, LivesSeen, StacksOnDemand
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.organization.topology import LEAST_RELEASES
from tiercel.domain.release.entries import Entry, UnreadableEntry, number_of
from tiercel.domain.release.ledger import ReleaseStatus
from tiercel.domain.teardown.leftovers_seen import LeftoversSeen, ReapScope, StackThere
from tiercel.domain.teardown.reaper import ReaperMemory
from tiercel.domain.teardown.retention import counts, newest_artifacts
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.github.client import has_credentials
from tiercel.tasks.github.pull_requests import read_pull_request
from tiercel.tasks.records.artifacts import find_needed_packages
from tiercel.tasks.records.ephemeral import read_environments
from tiercel.tasks.records.ledger import read_newest_entries
from tiercel.tasks.source.fetch import list_branches
from tiercel.tasks.teardown.leftovers import (
    find_log_groups,
    find_tagged_resources,
    list_all_stacks,
    list_change_sets,
    list_staged,
)

_R = TypeVar("_R")
_OF_A_BRANCH = (OriginKind.BRANCH, OriginKind.CANDIDATE)


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


async def look_at_lives(
    look: ReaperLook, found: RecordsFound, stacks: Iterable[StackThere]
) -> LivesSeen:
    """Return what is known of environments on demand and of what they are of."""
    active = found.active
    branches = await _branches(look, active)
    open_pulls = await _open_pulls(look, active)
    lives = [
        Life.of(one, origin_exists=_origin_exists(one, branches, open_pulls))
        for one in found.readable
    ]
    return LivesSeen(
        tuple(lives),
        tuple(_on_demand(look.scope, stacks)),
        look.memory.warned,
        frozenset(one.name for one in found.unreadable),
    )


async def read_records(look: ReaperLook) -> RecordsFound:
    """Return the records of environments on demand, none where there are no such environments."""
    if not look.scope.on_demand:
        return RecordsFound()
    return await call(read_environments, look.target.records)


def _on_demand(scope: ReapScope, stacks: Iterable[StackThere]) -> list[StacksOnDemand]:
    """Return whose stacks there are, by the tags that Tiercel gives them."""
    newest: dict[str, datetime] = {}
    for one in stacks:
        name = one.tags.get("tiercel:name", "")
        is_ours = one.tags.get("tiercel:organization") == scope.organization
        is_ours = is_ours and one.tags.get("tiercel:environment") == EPHEMERAL
        if name and is_ours and one.name.startswith(f"{scope.ephemeral}{name}-"):
            newest[name] = max(one.created, newest.get(name, one.created))
    return [StacksOnDemand(name, moment) for name, moment in newest.items()]


async def _branches(
    look: ReaperLook, active: Iterable[EphemeralRecord]
) -> dict[str, frozenset[str] | None]:
    """Return the branches of every repository that an environment is of a branch of."""
    wanted = sorted({one.repository for one in active if one.origin in _OF_A_BRANCH})
    found = await each(wanted, lambda repository: look.tried(_listed(repository), None))
    return dict(zip(wanted, found, strict=True))


async def _listed(repository: str) -> frozenset[str] | None:
    return await call(list_branches, repository)


async def _open_pulls(
    look: ReaperLook, active: Iterable[EphemeralRecord]
) -> dict[tuple[str, str], bool | None]:
    """Return which pull requests are open; without credentials nobody knows."""
    wanted = sorted(
        {(one.repository, one.origin_of) for one in active
         if one.origin is OriginKind.PULL_REQUEST and one.origin_of.isdecimal()}
    )  # fmt: skip
    if not has_credentials():
        return {}
    found = await each(wanted, lambda pull: look.tried(_is_open(*pull), None))
    return dict(zip(wanted, found, strict=True))


async def _is_open(repository: str, number: str) -> bool | None:
    pull = await call(read_pull_request, repository, int(number))
    return pull.is_open


def _origin_exists(
    record: EphemeralRecord,
    branches: dict[str, frozenset[str] | None],
    open_pulls: dict[tuple[str, str], bool | None],
) -> bool | None:
    if record.origin is OriginKind.PULL_REQUEST:
        return open_pulls.get((record.repository, record.origin_of))
    known = branches.get(record.repository)
    if record.origin not in _OF_A_BRANCH or known is None:
        return None
    return record.origin_of in known


async def look_at_leftovers(
    look: ReaperLook, records: RecordsFound
) -> tuple[LeftoversSeen, list[StackThere]]:
    """Return what lies about, and all stacks.

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
    released, entries = await newest_entries(look, records)
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
    return seen, stacks


async def newest_entries(
    look: ReaperLook, records: RecordsFound
) -> tuple[frozenset[str], list[Entry]]:
    """Return all stacks of the ledger, and the newest entries of those whose needs count."""
    return await call(
        read_newest_entries,
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
        (one.stack if isinstance(one, UnreadableEntry) else one.intent.stack, number_of(one))
        for one in entries
        if isinstance(one, UnreadableEntry) or one.status is ReleaseStatus.OPEN
    )
