"""Candidates: what a hotfix or a release branch brings, verified before it is merged.

GitFlow's hotfix starts at production, so develop never runs its source tree. A candidate is a
release that is there to be verified: what ran before is brought back, and the entry that it leaves
in the ledger is what a promotion may rely on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tiercel.domain.base.digests import ArtifactId
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.release.entries import Entry, needed, stack_of, unreadable_of
from tiercel.domain.release.ledger import Intent, Release, ReleaseStatus, is_candidate

LEFT_FOR = timedelta(hours=1)
"""So long after its end a candidate is in the hands of the run that tries it."""


class Verification(StoredRecord):
    """Written once, before a candidate is deployed: which entry of the ledger tells how it went.

    It says nothing of the verdict itself, so that a failure cannot be lost: that is the entry's.
    """

    artifact_id: ArtifactId
    service: str
    stack: str
    number: int
    at: datetime


def verification_of(intent: Intent) -> Verification:
    """Return the record of a candidate's intent."""
    return Verification(
        artifact_id=intent.artifact_id,
        service=intent.service,
        stack=intent.stack,
        number=intent.number,
        at=intent.at,
    )


def verifications_prefix(artifact_id: ArtifactId) -> str:
    """Return the prefix of all records of one artifact."""
    return f"verifications/{artifact_id}/"


def verification_key(record: Verification) -> str:
    """Return the key under which a record is created, once."""
    return f"{verifications_prefix(record.artifact_id)}{record.stack}/{record.number:08d}.json"


def require_genuine(
    record: Verification, release: Release | None, artifact_id: ArtifactId, where: str
) -> Release:
    """Return the release that a record points to, else raise RefusedInputError.

    It may have been the failure that takes a verification back, so a record that points to
    nothing is not passed over. `where` names the record.
    """
    if release is None:
        why = f"the ledger has no release {record.number} of {record.stack}"
    elif not is_candidate(release.intent):
        why = f"release {record.number} of {record.stack} was no candidate"
    elif {artifact_id, release.intent.artifact_id} != {record.artifact_id}:
        why = f"release {record.number} of {record.stack} is another artifact"
    else:
        return release
    raise RefusedInputError(
        "promotion.verification_forged",
        "a verification is not what the ledger says",
        where=where,
        why=why,
        state="nothing was changed",
        remedy="find out who wrote it: Tiercel writes the entry of the ledger first, and removes "
        "none; an administrator removes the object, for which the policy of the bucket has to be "
        "taken off and provisioned again",
    )


def left_candidate(history: Iterable[Entry], running: int | None) -> Release | None:
    """Return the candidate that a stack runs, or may run; None if it runs what is to stay.

    `history` is the stack's, the newest first, and `running` the number that its newest operation
    has. Whoever asks is the stack's only writer: an open candidate is one whose run was killed.
    """
    for one in needed(history):
        is_there = one.outcome.deployed if one.outcome else one.intent.number == running
        if is_candidate(one.intent) and (is_there or one.outcome is None):
            return one
        if is_there:
            return None
    return None


@dataclass(frozen=True)
class LeftCandidate:
    """A candidate that is still on a stack long after its release ended, or began to no end."""

    stack: str
    number: int


def long_left(entries: Iterable[Entry], now: datetime) -> tuple[LeftCandidate, ...]:
    """Return the candidates that killed runs left on stacks, by stack.

    `entries` are those of any stacks, the newest of each first. A run tries the services of a
    commit one after the other and puts them back together, so what has ended just now is still
    in its hands. A stack with an entry that cannot be read is left as it is: that may decide.
    """
    of_stack: dict[str, list[Entry]] = {}
    for one in entries:
        of_stack.setdefault(stack_of(one), []).append(one)
    found = {
        stack: left_candidate(history, None)
        for stack, history in of_stack.items()
        if not unreadable_of(history)
    }
    return tuple(
        LeftCandidate(stack, one.intent.number)
        for stack, one in sorted(found.items())
        if one and now - (one.outcome.at if one.outcome else one.intent.at) >= LEFT_FOR
    )


def to_put_back(history: Iterable[Entry], rejected: Collection[ArtifactId]) -> Release | None:
    """Return the newest good release of a stack that is there to stay, None without one.

    `rejected` are the artifacts of which a release was ever ruled out.
    """
    return next(
        (
            one
            for one in needed(history)
            if not is_candidate(one.intent)
            and one.status is ReleaseStatus.SUCCEEDED
            and one.intent.artifact_id not in rejected
        ),
        None,
    )


def require_not_rejected(rejected: Collection[str], repository: str, commit: str) -> None:
    """Raise RefusedInputError if an artifact of the commit was ruled out; services are named."""
    if not rejected:
        return
    raise RefusedInputError(
        "candidate.rejected",
        f"what was rejected is not verified again: {', '.join(rejected)}",
        where=f"{repository}@{commit}",
        why="a person has ruled a release with this source tree out for good",
        state="nothing was deployed",
        remedy="change the source and verify that; `tiercel releases` has who rejected it and why",
    )
