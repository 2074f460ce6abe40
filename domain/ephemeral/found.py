"""The records of environments on demand that were found, and those that cannot be read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tiercel.domain.base.failure import Failure
from tiercel.domain.ephemeral.environments import EphemeralRecord


@dataclass(frozen=True)
class UnreadableRecord:
    """A record that is cut short, is none at all or is of a newer Tiercel, and whose it is."""

    name: str
    failure: Failure


@dataclass(frozen=True)
class RecordsFound:
    """All records by their names: one that cannot be read is told, and hides no others."""

    readable: tuple[EphemeralRecord, ...] = ()
    unreadable: tuple[UnreadableRecord, ...] = ()

    @property
    def active(self) -> list[EphemeralRecord]:
        """The environments that there may be stacks of."""
        return [one for one in self.readable if one.is_active]

    @property
    def names_alive(self) -> frozenset[str]:
        """The names of those that may be there: what cannot be read may well be."""
        active = {one.name for one in self.active}
        return frozenset(active | {one.name for one in self.unreadable})

    def borrowers(self, services: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return which environments take outputs of these services' own stacks, and of which."""
        found = {
            one.name: tuple(service for service in one.borrows if service in services)
            for one in self.active
        }
        return {name: borrowed for name, borrowed in found.items() if borrowed}
