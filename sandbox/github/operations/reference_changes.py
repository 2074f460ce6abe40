"""Moves branches for operations of the API, as far as their protection allows."""

from __future__ import annotations

from tiercel.sandbox.github.git.commands import ZERO, GitError
from tiercel.sandbox.github.memory.protection import protection_of
from tiercel.sandbox.github.operations.calls import ApiCall
from tiercel.sandbox.github.rules.errors import BASE_MODIFIED, UNPROCESSABLE, ApiError, ApiRefusal
from tiercel.sandbox.github.rules.protection import (
    NO_DELETION,
    NO_FORCE,
    NO_MERGE_COMMITS,
    push_obstacles,
)
from tiercel.sandbox.github.rules.synchronize import synchronize


def move_branch(
    call: ApiCall, branch: str, new: str, old: str | None, refusal: ApiRefusal = UNPROCESSABLE
) -> None:
    """Point a branch to a commit, create it (`old` None) or delete it (`new` ZERO).

    Raises ApiError with `refusal` when the branch's protection forbids it, and
    BASE_MODIFIED when the branch moved meanwhile.
    """
    obstacles = _obstacles(call, branch, new, old)
    if obstacles:
        raise ApiError(refusal, message=" ".join(obstacles))
    move(call, f"refs/heads/{branch}", new, old)


def move(call: ApiCall, reference: str, new: str, old: str | None) -> None:
    """Move a branch or tag without asking its protection, and tell it."""
    try:
        call.git.update(reference, new, old or ZERO)
    except GitError as error:
        if old is None:
            message = f"Reference update failed: {reference}"
            raise ApiError(UNPROCESSABLE, message=message) from error
        raise ApiError(BASE_MODIFIED) from error
    synchronize(call.world, call.repository, call.user)


def _obstacles(call: ApiCall, branch: str, new: str, old: str | None) -> list[str]:
    protection = protection_of(call.world, call.repository, branch)
    if protection is None:
        return []
    git = call.git
    if new == ZERO:
        return [] if protection.deletions else [NO_DELETION]
    if old and not protection.force_pushes and not git.is_ancestor(old, new):
        return [NO_FORCE]
    if old and protection.linear_history and git.history("--merges", f"^{old}", new, "--"):
        return [NO_MERGE_COMMITS]
    return push_obstacles(call.world, call.repository, branch, new, call.user)
