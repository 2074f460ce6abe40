"""What is live: what the ledger says of a stack, and whether the stack says the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.stack.tokens import attempt_in, release_of


class Standing(StrEnum):
    """How far what the ledger says of a stack can be relied on."""

    AS_RELEASED = "as released"
    OPEN = "open"
    CHANGED = "changed past Tiercel"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Live:
    """What the ledger says of one stack: what it runs, and what was tried after that."""

    stack: str
    running: Release | None
    later: tuple[Release, ...]
    """The newest first."""

    @property
    def open(self) -> Release | None:
        """The newest release that began after the one that runs and has no outcome."""
        return next((one for one in self.later if one.status is ReleaseStatus.OPEN), None)


@dataclass(frozen=True)
class StackSeen:
    """What AWS says of a stack: whether it is there, and the token of its newest operation."""

    exists: bool
    token: str = ""


def live_of(stack: str, newest_first: Iterable[Release]) -> Live:
    """Return what the ledger says of a stack, asking for no release older than the running one."""
    later: list[Release] = []
    for release in newest_first:
        if release.outcome and release.outcome.deployed:
            return Live(stack, release, tuple(later))
        later.append(release)
    return Live(stack, None, tuple(later))


def standing_of(live: Live, seen: StackSeen | None) -> tuple[Standing, str]:
    """Return whether the stack is what the ledger says of it, in a word and in words.

    `seen` is None if nobody could look. Whatever Tiercel did to a stack has the token of a
    release: a stack whose newest operation has another one was changed by somebody else.
    """
    if seen and not seen.exists and live.running:
        return Standing.CHANGED, f"{Standing.CHANGED}: the stack is gone"
    if seen and seen.exists and not _is_of(live, seen.token):
        return Standing.CHANGED, _change(seen.token)
    if live.open:
        return Standing.OPEN, open_since(live.open)
    standing = Standing.AS_RELEASED if seen else Standing.UNKNOWN
    return standing, standing.value


def open_since(release: Release) -> str:
    """Return what is to be said of a release that has no outcome."""
    intent = release.intent
    return f"release {intent.number} open since {intent.at:%Y-%m-%d %H:%M:%S}, may be running"


def _is_of(live: Live, token: str) -> bool:
    """Tell whether one of these releases left the stack with this token, or is about to."""
    known = [one for one in (live.running, *live.later) if one]
    return any(
        (one.outcome and one.outcome.stack_token == token) or attempt_in(token, one.intent.number)
        for one in known
    )


def _change(token: str) -> str:
    made = release_of(token)
    if made:
        return f"the stack runs release {made[0]}, which the ledger does not have"
    return Standing.CHANGED.value
