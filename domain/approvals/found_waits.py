"""What waits in an environment, of all repositories, and what of that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.approvals.waiting import OpenWait
from tiercel.domain.base.failure import Failure


@dataclass(frozen=True)
class UnreadableWait:
    """A promotion that may wait, whose record or plan is damaged or is of a newer Tiercel."""

    repository: str
    failure: Failure


@dataclass(frozen=True)
class WaitsFound:
    """All that waits: what cannot be read is told, and hides no others."""

    readable: tuple[OpenWait, ...] = ()
    unreadable: tuple[UnreadableWait, ...] = ()
