"""Entries of the ledger of which some cannot be read: they are told, and hide no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tiercel.domain.base.errors import RefusedInputError, error_from
from tiercel.domain.base.failure import Failure
from tiercel.domain.release.ledger import Release

_MOST_CAUSES = 5


@dataclass(frozen=True)
class UnreadableEntry:
    """An entry that is cut short, is no entry at all or is of a newer Tiercel, and which."""

    stack: str
    number: int
    failure: Failure


Entry = Release | UnreadableEntry
"""One numbered entry of the ledger, as far as it can be read."""


def number_of(entry: Entry) -> int:
    """Return an entry's number, which its place tells."""
    return entry.number if isinstance(entry, UnreadableEntry) else entry.intent.number


def stack_of(entry: Entry) -> str:
    """Return the stack of an entry, which its place tells."""
    return entry.stack if isinstance(entry, UnreadableEntry) else entry.intent.stack


def needed(entries: Iterable[Entry]) -> Iterator[Release]:
    """Give the releases in their order; who comes to one that cannot be read gets its error.

    What it would say is not guessed: it may be the failure, the rejection or the success that
    decides.
    """
    for entry in entries:
        if isinstance(entry, UnreadableEntry):
            raise error_from(entry.failure)
        yield entry


def readable_of(entries: Iterable[Entry]) -> list[Release]:
    """Return the releases among the entries, for what does without the others."""
    return [entry for entry in entries if isinstance(entry, Release)]


def unreadable_of(entries: Iterable[Entry]) -> list[UnreadableEntry]:
    """Return the entries that cannot be read."""
    return [entry for entry in entries if isinstance(entry, UnreadableEntry)]


def unreadable_entries(entries: Sequence[UnreadableEntry]) -> RefusedInputError:
    """Return the error of a command that could not show everything; the first of them are told."""
    named = ", ".join(f"{one.stack}/{one.number}" for one in entries[:_MOST_CAUSES])
    more = len(entries) - _MOST_CAUSES
    return RefusedInputError(
        "ledger.unreadable_entries",
        f"{len(entries)} entries of the ledger cannot be read",
        where=named + (f" and {more} more" if more > 0 else ""),
        state="everything else is shown; releases that need these entries are refused",
        remedy="see each of them",
        causes=[one.failure for one in entries[:_MOST_CAUSES]],
    )
