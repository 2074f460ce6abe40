"""What the reaper knows of environments on demand: their stacks, branches and pull requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from tiercel.domain.ephemeral.environments import EphemeralRecord, OriginKind
from tiercel.domain.ephemeral.found import RecordsFound
from tiercel.domain.ephemeral.lifetimes import Life, LivesSeen, StacksOnDemand
from tiercel.domain.gitflow.tags import newest_other
from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.teardown.leftovers_seen import ReapScope, StackThere
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.reaping.look import ReaperLook
from tiercel.tasks.github.pull_requests import read_pull_request
from tiercel.tasks.github.releases import read_version_tags
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.source.fetch import fetch_commit, list_branches
from tiercel.tasks.source.history import contains_commit
from tiercel.tasks.source.repository import Commit

_OF_A_BRANCH = (OriginKind.BRANCH, OriginKind.CANDIDATE)


async def look_at_lives(
    look: ReaperLook, found: RecordsFound, stacks: Iterable[StackThere]
) -> LivesSeen:
    """Return what is known of environments on demand and of what they are of."""
    active = found.active
    branches = await _branches(look, active)
    promoted = await _promoted(look, active)
    open_pulls = await _open_pulls(look, active)
    lives = [
        Life.of(
            one,
            origin_exists=_origin_exists(one, branches, open_pulls),
            is_promoted=one.name in promoted,
        )
        for one in found.readable
    ]
    return LivesSeen(
        tuple(lives),
        tuple(_on_demand(look.scope, stacks)),
        look.memory.warned,
        frozenset(one.name for one in found.unreadable),
    )


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


async def _promoted(look: ReaperLook, active: Iterable[EphemeralRecord]) -> frozenset[str]:
    """Return the environments of candidates that production has by now, by GitHub's tags.

    No identity of this environment reads production's ledger, but a promotion ends with the tag of
    its version. Without credentials nobody knows.
    """
    candidates = [one for one in active if one.origin is OriginKind.CANDIDATE]
    if not has_credentials():
        return frozenset()
    repositories = sorted({one.repository for one in candidates})
    found = await each(
        repositories,
        lambda name: look.tried(
            _promoted_of(name, [one for one in candidates if one.repository == name]), []
        ),
    )
    return frozenset(name for names in found for name in names)


async def _promoted_of(repository: str, candidates: Sequence[EphemeralRecord]) -> list[str]:
    tags = await call(read_version_tags, repository)
    newest = newest_other(tags, "")
    if newest is None:
        return []
    live = await call(fetch_commit, repository, newest.commit, "")

    async def is_promoted(one: EphemeralRecord) -> bool:
        commit = Commit(repository=repository, sha=one.commit, mirror=live.mirror)
        is_older = await call(contains_commit, commit, live.sha)
        return one.commit == live.sha or bool(is_older)

    are = await each(candidates, is_promoted)
    return [one.name for one, is_live in zip(candidates, are, strict=True) if is_live]
