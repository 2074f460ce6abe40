"""How a branch is protected, as the stand-in remembers it."""

from __future__ import annotations

from tiercel.sandbox.github.memory.records import Protection, RepositoryRecord
from tiercel.sandbox.github.memory.world import World


def protection_of(world: World, repository: RepositoryRecord, branch: str) -> Protection | None:
    """Return the branch's protection; None when it has none."""
    return world.store.one(Protection, repository.id, branch)
