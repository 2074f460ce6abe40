"""What is newer wins: when a release is left alone because of another one."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.base.errors import (
    DeployFailedError,
    OvertakenError,
    SupersededError,
    TransientError,
)
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.release.entries import Entry, needed, readable_of
from tiercel.domain.release.ledger import Intent, Purpose, Release, ReleaseStatus, is_candidate

_PASSING = (Purpose.CANDIDATE, Purpose.RESTORATION)
_OF_ITS_COMMIT = (Purpose.DEPLOY, Purpose.PROMOTION, Purpose.EPHEMERAL)


def require_still_wanted(newest: Release | None, intent: Intent) -> None:
    """Return if a release may still be carried out, once its run is the stack's only writer.

    Raises SupersededError when a later wish stands in the ledger, OvertakenError if that one does
    not take its place, and the failure of another run that carried out the same intent meanwhile.
    """
    if newest is None:
        return
    if newest.intent.number > intent.number:
        raise superseded(intent, newest.intent)
    outcome = newest.outcome
    if newest.intent.number < intent.number or outcome is None:
        return
    if outcome.status is ReleaseStatus.FAILED:
        raise DeployFailedError(
            "release.failed_in_other_run",
            f"another run has carried out release {intent.number}, and it failed",
            where=f"stack {intent.stack}",
            why=outcome.message,
            remedy="see there; to try it again, start the deploy again",
        )


def require_succeeded(recorded: Release) -> None:
    """Raise DeployFailedError if another run has written down before that the release failed."""
    require_still_wanted(recorded, recorded.intent)


def too_many_races(wanted: Intent) -> TransientError:
    """Return the error of a run that other runs were faster than, again and again."""
    return TransientError(
        "ledger.no_number",
        "no number of the ledger could be taken",
        where=f"stack {wanted.stack}",
        why="other releases of this stack took it, again and again",
        state="nothing was changed by this run",
        remedy="run it again",
    )


def superseded(older: Intent, newer: Intent) -> SupersededError:
    """Return the error of a release that is left alone because of a newer one.

    What a candidate does to a stack takes nothing's place: whoever it came before asks again.
    And whatever is released after a candidate, its artifact is still to be verified.
    """
    error = SupersededError(
        "release.superseded",
        f"{older.service} of commit {short_commit(older.commit)} is superseded by release "
        f"{newer.number}",
        where=f"stack {older.stack}",
        why=f"release {newer.number} is commit {short_commit(newer.commit)}, asked for by "
        f"{newer.requested_by}",
        state="nothing was changed by this run",
        remedy="nothing is to be done; to go back to an older release, use `tiercel rollback`",
    )
    takes_its_place = not (is_candidate(older) or newer.purpose in _PASSING)
    if takes_its_place or older.purpose is Purpose.RESTORATION:
        return error
    return OvertakenError.of(error.failure)


def newest_to_stay(history: Iterable[Entry]) -> Release | None:
    """Return the newest release of a stack that is no candidate; `history` is newest first."""
    return next((one for one in needed(history) if not is_candidate(one.intent)), None)


def decides_age(latest: Release | None, wanted: Intent) -> bool:
    """Tell whether a stack's newest release can say if the wanted commit is an older one.

    Candidates are of other branches: they are only compared with each other.
    """
    return latest is None or is_candidate(latest.intent) == is_candidate(wanted)


def failed_commits(history: Iterable[Entry]) -> set[str]:
    """Return the commits whose newest release failed; `history` has the newest first.

    Rollbacks say nothing of the commit that they restore, candidates nothing of the branch, and
    what cannot be read says nothing.
    """
    newest: dict[str, ReleaseStatus] = {}
    for one in readable_of(history):
        if one.intent.purpose in _OF_ITS_COMMIT:
            newest.setdefault(one.intent.commit, one.status)
    return {commit for commit, status in newest.items() if status is ReleaseStatus.FAILED}


def may_be_older(latest: Release | None, wanted: Intent) -> bool:
    """Tell whether git has to say if the newest release contains the wanted commit.

    A release that failed does not stand in the way of an older one, and neither does a
    rollback: it is older itself.
    """
    return (
        latest is not None
        and latest.status in (ReleaseStatus.OPEN, ReleaseStatus.SUCCEEDED)
        and latest.intent.repository == wanted.repository
        and latest.intent.commit != wanted.commit
    )
