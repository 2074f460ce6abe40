"""What the reaper remembers from one look to the next, and what it reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import Field

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.failure import Failure
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.ephemeral.environments import EphemeralRecord
from tiercel.domain.ephemeral.lifetimes import LifeDecision, LifeStep
from tiercel.domain.release.candidates import LeftCandidate
from tiercel.domain.teardown.leftovers import Fate, Judgement

MEMORY_KEY = "reaper/memory.json"
"""Where in an environment's artifact bucket the reaper keeps what it remembers."""


ENDS_SOON_EVENT = "tiercel.environment.ends-soon"
"""The event by which Prefect's automations hear of an environment that ends within the hour."""


def ends_soon(record: EphemeralRecord) -> str:
    """Return what the owner of an environment is told before its end."""
    whose = record.owner or "nobody"
    return (
        f"Environment {record.name} of {whose} ({record.origin} {record.origin_of} of "
        f"{record.repository}) ends at {record.expires:%d %B %H:%M} UTC; "
        f"`tiercel ephemeral extend {record.name}` keeps it"
    )


class ReaperMemory(StoredRecord):
    """Since when each thing was seen without an owner, and of which ends owners were told."""

    first_seen: dict[str, datetime] = Field(default_factory=dict)
    warned: dict[str, datetime] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return what is stored; lone surrogates could never be read again."""
        body = canonical_json(self.model_dump(mode="json"))
        return body.decode(errors="replace").encode()


@dataclass(frozen=True)
class ReapReport:
    """What was looked at, what was decided, and what became of it.

    `done` has the keys of what was deleted, and the names of environments that were destroyed;
    `failures` what could not be deleted. Neither has anything after a dry run. `candidates` are
    those that killed runs left on the environment's own stacks, `put_back` the stacks that run what
    they ran before.
    """

    environment: str
    dry_run: bool
    lives: tuple[LifeDecision, ...] = ()
    leftovers: tuple[Judgement, ...] = ()
    candidates: tuple[LeftCandidate, ...] = ()
    put_back: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    failures: tuple[Failure, ...] = ()
    unread: tuple[Failure, ...] = field(default=())
    """Why something could not be looked at: nothing of its kind is judged."""
    drill: int = 0
    """The drill that is open: what it deletes and rebuilds is nobody's leftover, so all waits."""

    def of(self, fate: Fate) -> list[Judgement]:
        """Return the things with one fate."""
        return [one for one in self.leftovers if one.fate is fate]

    @property
    def kept(self) -> dict[str, int]:
        """The number of things that stay, by their kind and the reason."""
        return dict(Counter(f"{one.kind}: {one.reason}" for one in self.of(Fate.KEEP)))

    def summary(self) -> str:
        """Return the whole in a line."""
        ends = sum(one.step is LifeStep.DESTROY for one in self.lives)
        chosen = len(self.of(Fate.DELETE))
        if self.dry_run or self.drill:
            told = f"would destroy {ends} environments and delete {chosen} leftovers"
            told += f" after drill {self.drill}" if self.drill else ""
        else:
            deleted = sum(one.key in self.done for one in self.of(Fate.DELETE))
            told = f"{len(self.done) - deleted} of {ends} environments destroyed, "
            told += f"{deleted} of {chosen} leftovers deleted"
        if self.candidates:
            told += f", {len(self.put_back)} of {len(self.candidates)} left candidates put back"
        by_hand = len(self.of(Fate.BY_HAND))
        return told + (f", {by_hand} for somebody to look at" if by_hand else "")

    def document(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return {
            "environment": self.environment,
            "dry_run": self.dry_run,
            "drill": self.drill,
            "environments_on_demand": [
                {"name": one.name, "step": one.step, "reason": one.reason,
                 "expires": one.expires and one.expires.isoformat(), "done": one.name in self.done}
                for one in self.lives
            ],
            "leftovers": [
                {"kind": one.kind, "name": one.name, "fate": one.fate, "reason": one.reason,
                 "bytes": one.size, "done": one.key in self.done}
                for one in self.leftovers if one.fate is not Fate.KEEP
            ],
            "candidates": [
                {"stack": one.stack, "release": one.number, "done": one.stack in self.put_back}
                for one in self.candidates
            ],
            "kept": self.kept,
            "failures": [one.document() for one in self.failures],
            "unread": [one.document() for one in self.unread],
        }  # fmt: skip
