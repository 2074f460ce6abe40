"""Which earlier release a stack may go back to, and what that means as an intent."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import RefusedInputError
from domain.ledger import Intent, Purpose, Release, ReleaseStatus, running_release


def release_before(history: Sequence[Release]) -> Release | None:
    """Return the newest good release before the one that the stack runs, None without one.

    `history` is the stack's, the newest first. A stack that runs a rollback counts as running
    what was restored, so that going back twice goes back two releases.
    """
    running = running_release(history)
    if running is None:
        return None
    newest = running.intent.restores or running.intent.number
    return next(
        (
            one
            for one in history
            if one.intent.number < newest
            and one.status is ReleaseStatus.SUCCEEDED
            and one.rejection is None
            and one.intent.business_key != running.intent.business_key
        ),
        None,
    )


def check_restorable(release: Release) -> None:
    """Raise RefusedInputError unless a release succeeded and nobody has rejected it."""
    intent = release.intent
    if release.rejection:
        why = f"{release.rejection.by} rejected it: {release.rejection.reason}"
    elif release.status is not ReleaseStatus.SUCCEEDED:
        why = f"it is {release.status}, so it was never seen to work"
    else:
        return
    raise RefusedInputError(
        f"release {intent.number} of {intent.stack} is not to be restored",
        where=f"stack {intent.stack}",
        why=why,
        state="nothing was changed",
        remedy="choose another release: see `tiercel releases`",
    )


def nothing_before(stack: str) -> RefusedInputError:
    """Return the error of a stack that has no earlier release to go back to."""
    return RefusedInputError(
        f"stack {stack} has no earlier release to go back to",
        where=f"stack {stack}",
        why="the ledger has no other release of it that succeeded and was not rejected",
        state="nothing was changed",
        remedy="correct the cause in the repository and release that",
    )


def restoring(release: Release) -> Intent:
    """Return the wish to have a release again: its artifact, parameters and smoke test."""
    intent = release.intent
    return intent.model_copy(
        update={
            "purpose": Purpose.ROLLBACK,
            "restores": intent.restores or intent.number,
        }
    )
