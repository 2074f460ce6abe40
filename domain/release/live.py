"""What is live: what the ledger says of a stack, and whether the stack says the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tiercel.domain.release.entries import Entry, UnreadableEntry
from tiercel.domain.release.ledger import Release, ReleaseStatus
from tiercel.domain.stack.tokens import attempt_in, release_of


class Standing(StrEnum):
    """How far what the ledger says of a stack can be relied on."""

    AS_RELEASED = "as released"
    OPEN = "open"
    UNREADABLE = "unreadable"
    CHANGED = "changed past Tiercel"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Live:
    """What the ledger says of one stack: what it runs, and what was tried after that."""

    stack: str
    running: Release | None
    later: tuple[Release, ...]
    """The newest first."""
    unreadable: tuple[UnreadableEntry, ...] = ()
    """What may be newer than the release that runs, or be that one."""

    @property
    def open(self) -> Release | None:
        """The newest release that began after the one that runs and has no outcome."""
        return next((one for one in self.later if one.status is ReleaseStatus.OPEN), None)


@dataclass(frozen=True)
class StackSeen:
    """What AWS says of a stack: whether it is there, and the token of its newest operation."""

    exists: bool
    token: str = ""


def live_of(stack: str, newest_first: Iterable[Entry]) -> Live:
    """Return what the ledger says of a stack, asking for no release older than the running one."""
    later: list[Release] = []
    unreadable: list[UnreadableEntry] = []
    for entry in newest_first:
        if isinstance(entry, UnreadableEntry):
            unreadable.append(entry)
        elif entry.outcome and entry.outcome.deployed:
            return Live(stack, entry, tuple(later), tuple(unreadable))
        else:
            later.append(entry)
    return Live(stack, None, tuple(later), tuple(unreadable))


def needed_entries(newest_first: Iterable[Entry], least: int) -> Iterator[Entry]:
    """Yield so many of a stack's newest entries, and older ones as far as that which it runs.

    A stack whose update fails goes back to that one, however many releases have failed since.
    """
    is_found = False
    for count, entry in enumerate(newest_first):
        if is_found and count >= least:
            return
        is_found = is_found or _is_deployed(entry)
        yield entry


def _is_deployed(entry: Entry) -> bool:
    if isinstance(entry, UnreadableEntry):
        return False
    return entry.outcome is not None and entry.outcome.deployed


def standing_of(live: Live, seen: StackSeen | None) -> tuple[Standing, str]:
    """Return whether the stack is what the ledger says of it, in a word and in words.

    `seen` is None if nobody could look. An entry that cannot be read may be the one that runs.
    Whatever Tiercel did to a stack has the token of a release: a stack whose newest operation has
    another one was changed by somebody else.
    """
    if live.unreadable:
        return Standing.UNREADABLE, unreadable_words(live.unreadable)
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


def open_words(stacks: Iterable[Live]) -> str:
    """Return which releases of these stacks have no outcome, or that none has."""
    found = [f"{one.stack}: {open_since(one.open)}" for one in stacks if one.open]
    return "; ".join(found) if found else "the ledger has no release without an outcome"


def unreadable_words(entries: Iterable[UnreadableEntry]) -> str:
    """Return what is to be said of a stack of which entries cannot be read."""
    numbers = ", ".join(str(one.number) for one in entries)
    return f"release {numbers} cannot be read"


def _is_of(live: Live, token: str) -> bool:
    """Tell whether one of these releases left the stack with this token, or is about to."""
    known = [one for one in (live.running, *live.later) if one]
    return any(_left(one, token) or attempt_in(token, one.intent.number) for one in known)


def _left(release: Release, token: str) -> bool:
    """Tell whether a release ended with this token; one that failed may have recorded none."""
    outcome = release.outcome
    if outcome is None or outcome.stack_token != token:
        return False
    return bool(token) or release.status is ReleaseStatus.SUCCEEDED


def _change(token: str) -> str:
    made = release_of(token)
    if made:
        return f"the stack runs release {made[0]}, which the ledger does not have"
    return Standing.CHANGED.value
