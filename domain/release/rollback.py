"""Which earlier release a stack may go back to, and what that means as an intent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from tiercel.domain.base.digests import ArtifactId
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.notices import Notice, NoticeKind
from tiercel.domain.organization.services import StackSeed
from tiercel.domain.release.entries import Entry, needed, number_of, readable_of
from tiercel.domain.release.ledger import (
    Intent,
    Purpose,
    Rejection,
    Release,
    ReleaseStatus,
    is_candidate,
    running_release,
)
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import runs_its_newest
from tiercel.domain.stack.tokens import attempt_in, release_of


def release_before(
    history: Sequence[Entry], running: int | None, rejected: Collection[ArtifactId]
) -> Release | None:
    """Return the newest good release before the one that the stack runs, None without one.

    `history` is the stack's, the newest first, and `running` the number that the stack's newest
    operation has, None if it has none: then the ledger says what runs. A stack that runs a
    rollback counts as running what was restored, so that going back twice goes back two releases,
    and one that runs a candidate as running what that took the place of: nobody goes back to one.
    A rollback that is under way is gone on with, so that two at once go back one release.
    `rejected` are the artifacts that were ever ruled out; `history` need not reach back so far.
    Raises the error of an entry that cannot be read if it may be the one that is looked for.
    """
    history = [one for one in history if not _is_candidate(one)]
    known = {one.intent.number: one for one in readable_of(history)}
    runs = known.get(running or 0) or running_release(needed(history))
    if runs is None:
        return None
    restored = known.get(runs.intent.restores or 0)
    if runs.status is ReleaseStatus.OPEN and restored:
        return restored
    newest = runs.intent.restores or runs.intent.number
    return next(
        (
            one
            for one in needed(one for one in history if number_of(one) < newest)
            if one.status is ReleaseStatus.SUCCEEDED
            and one.intent.artifact_id not in rejected
            and one.intent.business_key != runs.intent.business_key
        ),
        None,
    )


def release_to_restore(
    history: Sequence[Entry], failed: int, rejected: Collection[ArtifactId]
) -> Release | None:
    """Return what a stack ran before a release that failed its smoke test, None without one.

    None as well if that was the same: to go back further would take away what was seen to work,
    and what differs lies outside of the artifact and its parameters. Raises as `release_before`.
    """
    fallen = next((one for one in readable_of(history) if one.intent.number == failed), None)
    before = next(
        (
            one
            for one in needed(one for one in history if number_of(one) < failed)
            if one.status is ReleaseStatus.SUCCEEDED
            and not is_candidate(one.intent)
            and one.intent.artifact_id not in rejected
        ),
        None,
    )
    is_same = fallen and before and before.intent.business_key == fallen.intent.business_key
    return None if is_same else before


def may_owe_a_way_back(newest: Release) -> bool:
    """Tell whether a stack's newest release may have left the way back from a failed smoke test."""
    return _runs_unwell(newest) or _is_open_rollback(newest)


def way_back_left(
    history: Sequence[Entry], commit: str, rejected: Collection[ArtifactId]
) -> Release | None:
    """Return what a run that died was to bring back after its smoke test failed, None if nothing.

    It is what that run would have brought back: of a commit's own promotion, while nothing else was
    asked for since. A rollback that is open, be it that run's or a person's, has to lead to the
    very same. Raises as `release_before`.
    """
    releases = needed(history)
    newest = next(releases, None)
    begun = newest if newest and _is_open_rollback(newest) else None
    failed = next(releases, None) if begun else newest
    if failed is None or not _runs_unwell(failed):
        return None
    if failed.intent.purpose is not Purpose.PROMOTION or failed.intent.commit != commit:
        return None
    before = release_to_restore(history, failed.intent.number, rejected)
    if begun and before and restoring(before).restores != begun.intent.restores:
        return None
    return before


def is_as_released(history: Iterable[Entry], token: str) -> bool:
    """Tell whether a stack's newest operation is of one of these releases, and nobody else's."""
    return any(attempt_in(token, number_of(one)) for one in history)


def _runs_unwell(release: Release) -> bool:
    """Tell whether a release is deployed and failed all the same: its smoke test did."""
    outcome = release.outcome
    return outcome is not None and outcome.deployed and outcome.status is ReleaseStatus.FAILED


def _is_open_rollback(release: Release) -> bool:
    return release.status is ReleaseStatus.OPEN and release.intent.purpose is Purpose.ROLLBACK


def number_running(stack: Stack | None) -> int | None:
    """Return the release whose version a stack runs or is about to run, by its newest operation.

    None if the operation went back or is none of a release: then the ledger says what runs.
    """
    if stack is None or not runs_its_newest(stack.status):
        return None
    made = release_of(stack.token)
    return made[0] if made else None


def _is_candidate(entry: Entry) -> bool:
    return isinstance(entry, Release) and is_candidate(entry.intent)


def require_restorable(release: Release, rejected: Mapping[ArtifactId, Rejection]) -> None:
    """Raise RefusedInputError unless a release succeeded, to stay, and nobody has rejected it.

    `rejected` are all artifacts of the stack that were ever ruled out.
    """
    intent = release.intent
    rejection = rejected.get(intent.artifact_id)
    if rejection:
        why = f"{rejection.by} rejected it: {rejection.reason}"
    elif is_candidate(intent):
        why = "it was there to be verified, as a candidate, and not to stay"
    elif release.status is not ReleaseStatus.SUCCEEDED:
        why = f"it is {release.status}, so it was never seen to work"
    else:
        return
    raise RefusedInputError(
        "rollback.not_restorable",
        f"release {intent.number} of {intent.stack} is not to be restored",
        where=f"stack {intent.stack}",
        why=why,
        state="nothing was changed",
        remedy="choose another release: see `tiercel releases`",
    )


def begun_by(history: Iterable[Entry], flow_run: str) -> int | None:
    """Return the release that a run has begun to restore before it died, None if it has not.

    A run that is executed again would otherwise go back one release more.
    """
    for one in readable_of(history):
        if one.intent.flow_run == flow_run and one.intent.purpose is Purpose.ROLLBACK:
            return one.intent.restores
    return None


def nothing_before(stack: str) -> RefusedInputError:
    """Return the error of a stack that has no earlier release to go back to."""
    return RefusedInputError(
        "rollback.nothing_before",
        f"stack {stack} has no earlier release to go back to",
        where=f"stack {stack}",
        why="the ledger has no other release of it that succeeded and was not rejected",
        state="nothing was changed",
        remedy="correct the cause in the repository and release that",
    )


def restoring(release: Release, purpose: Purpose = Purpose.ROLLBACK) -> Intent:
    """Return the wish to have a release again: its artifact, parameters and smoke test."""
    intent = release.intent
    return intent.model_copy(
        update={
            "format": Intent.model_fields["format"].default,
            "purpose": purpose,
            "restores": intent.restores or intent.number,
        }
    )


def rebuilding(release: Release, parameters: Mapping[str, str]) -> Intent:
    """Return the wish to have a release again after its stack was deleted by a drill.

    `parameters` are its own, with what the stacks that it needs say now.
    """
    intent = release.intent
    return intent.model_copy(
        update={
            "purpose": Purpose.DRILL,
            "restores": intent.restores or intent.number,
            "parameters": dict(parameters),
        }
    )


def seed_of_rebuilt(intent: Intent) -> StackSeed | None:
    """Return the call that fills a stack which a drill rebuilt, as its service's seed says.

    A run that is killed after it fills the stack again.
    """
    return intent.seed if intent.purpose is Purpose.DRILL else None


def rolled_back_notice(release: Release, why: str) -> Notice:
    """Return what people are told of a stack that runs an earlier release again."""
    intent = release.intent
    return Notice(
        kind=NoticeKind.ROLLED_BACK,
        subject=f"{intent.stack} is back at release {intent.restores or intent.number}",
        text=f"It runs that one again as release {intent.number}: {why}",
        remedy="find out what was wrong with the one that it left, and if nobody is to release "
        f"that again: `tiercel reject {intent.stack} NUMBER --reason ...`",
        link=intent.flow_run_url,
    )


def went_back_before(state: str, restored: Iterable[Release]) -> str:
    """Return the state that a failure leaves, with the ways back that were finished before it."""
    intents = [one.intent for one in restored]
    went = ", ".join(f"{one.stack} went back to release {one.restores}" for one in intents)
    return f"{state}; before that {went}" if state else went
