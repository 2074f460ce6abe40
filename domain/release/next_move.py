"""What a run does next to release an artifact to a stack, given what it knows by then.

The order is a promise: the artifact is verified before CloudFormation is called at all, unless
the ledger says that it is live; and always before anything is written or changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Literal

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.release.ledger import (
    Intent,
    Release,
    already_live,
    is_behind,
    is_candidate,
    is_recorded,
    maker_refusal,
    next_number,
    owner_refusal,
    resumable,
)
from tiercel.domain.release.superseding import (
    decides_age,
    may_be_older,
    superseded,
    too_many_races,
)
from tiercel.domain.stack.observed import Stack

MOST_RACES = 20
"""How often other runs may take the next number before this one gives up."""


class _Answer(Enum):
    UNASKED = "unasked"


UNASKED: Final = _Answer.UNASKED
"""Nobody has asked yet, where None would be an answer."""
Unasked = Literal[_Answer.UNASKED]


@dataclass(frozen=True)
class Known:
    """What a run knows: the ledger's newest release, the stack, and what became of its tries.

    `lasting` is the newest release that is no candidate. `is_older` tells whether the release that
    decides it contains what is wanted, and more. `looked_again`
    is whether the ledger was read once more after the stack was seen; `beaten` counts how often
    another run took the number.
    """

    latest: Release | Unasked | None = UNASKED
    stack: Stack | Unasked | None = UNASKED
    lasting: Release | Unasked | None = UNASKED
    is_older: bool | Unasked = UNASKED
    verified: bool = False
    looked_again: bool = False
    beaten: int = 0

    def with_ledger(self, latest: Release | None) -> Known:
        """Return the same with the ledger's newest release as it was just read."""
        again = self.stack is not UNASKED
        return replace(self, latest=latest, lasting=UNASKED, looked_again=again)

    def beaten_again(self) -> Known:
        """Return what is left when another run took the number: everything else may differ."""
        return Known(verified=self.verified, beaten=self.beaten + 1)


@dataclass(frozen=True)
class ReadLedger:
    """Read the stack's newest release."""


@dataclass(frozen=True)
class ReadLasting:
    """Read the stack's newest release that is no candidate."""


@dataclass(frozen=True)
class VerifyProvenance:
    """Verify that the artifact is what the environment's key has signed."""


@dataclass(frozen=True)
class ObserveStack:
    """Look at the stack."""


@dataclass(frozen=True)
class AskWhetherOlder:
    """Ask git whether a release that is newer contains the wanted commit."""

    newer: Intent


@dataclass(frozen=True)
class AlreadyLive:
    """Nothing is to be done: the stack runs this release, and it is what is wanted."""

    release: Release
    stack: Stack


@dataclass(frozen=True)
class RecordIntent:
    """Write the wish into the ledger under this number, then carry it out on the stack."""

    number: int
    stack: Stack | None


@dataclass(frozen=True)
class Resume:
    """Carry out the open intent of an earlier run, which had the same wish, on the stack."""

    intent: Intent
    stack: Stack | None


@dataclass(frozen=True)
class Refuse:
    """End with this error; nothing was changed."""

    error: TiercelError


Question = ReadLedger | ReadLasting | VerifyProvenance | ObserveStack
"""What is found out and goes into what is known; nothing is changed by it."""
Move = Question | AskWhetherOlder | AlreadyLive | RecordIntent | Resume | Refuse


def next_move(
    wanted: Intent, known: Known, expected_tags: Mapping[str, str], *, may_differ: bool = False
) -> Move:
    """Return what is to be done next, as long as not every question is answered: a question.

    `wanted` has no number yet. Stacks that Tiercel made have the `expected_tags`. What is live
    `may_differ` although it is what is wanted, if its template reads values elsewhere: then
    only a change set can tell.
    """
    latest, stack = known.latest, known.stack
    if known.beaten >= MOST_RACES:
        return Refuse(too_many_races(wanted))
    if latest is UNASKED:
        return ReadLedger()
    if stack is UNASKED:
        is_trusted = known.verified or is_recorded(latest, wanted)
        return ObserveStack() if is_trusted else VerifyProvenance()
    if stack and is_behind(latest, stack.token) and not known.looked_again:
        return ReadLedger()  # another run has been faster
    refused = _refusal(wanted, latest, stack, expected_tags)
    if refused:
        return Refuse(refused)
    return _wish(wanted, known, latest, stack, may_differ=may_differ)


def _refusal(
    wanted: Intent, latest: Release | None, stack: Stack | None, expected_tags: Mapping[str, str]
) -> TiercelError | None:
    """Return the error if the stack is not the service's to take."""
    return owner_refusal(latest, wanted, stack_exists=stack is not None) or (
        maker_refusal(latest, wanted, stack.status, stack.tags, expected_tags) if stack else None
    )


def _wish(
    wanted: Intent,
    known: Known,
    latest: Release | None,
    stack: Stack | None,
    *,
    may_differ: bool,
) -> Move:
    """Return the move of a run that may have the stack, unless something newer stands there."""
    if stack and latest and not may_differ and already_live(latest, wanted, stack.token):
        return AlreadyLive(latest, stack)
    age = _question_of_age(wanted, known, latest)
    if age:
        return age
    if not known.verified:  # somebody else has changed the stack since it was released
        return VerifyProvenance()
    if latest and resumable(latest, wanted):
        return Resume(latest.intent, stack)
    return RecordIntent(next_number(latest, stack.token if stack else ""), stack)


def _question_of_age(wanted: Intent, known: Known, latest: Release | None) -> Move | None:
    """Return what is to be done because something newer may stand there, None if it does not."""
    rival = _rival(wanted, known, latest)
    if rival is UNASKED:
        return ReadLasting()
    if rival is None or not may_be_older(rival, wanted):
        return None
    if known.is_older is UNASKED:
        return AskWhetherOlder(rival.intent)
    return Refuse(superseded(wanted, rival.intent)) if known.is_older else None


def _rival(wanted: Intent, known: Known, latest: Release | None) -> Release | Unasked | None:
    """Return the release that may be newer than what is wanted: of its kind, if there is one."""
    if decides_age(latest, wanted):
        return latest
    return None if is_candidate(wanted) else known.lasting
