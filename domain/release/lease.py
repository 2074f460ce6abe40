"""The lease of a stack: one writer at a time, and what follows when a writer goes silent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.organization.topology import LONGEST_LEASE_SECONDS

_RENEWALS = 3
"""How often a living writer renews a lease in its time: all but one may fail."""
_TRUSTED_SHARE = 2 / 3
"""The share of a lease's time after which its holder looks again before it changes anything."""


class Lease(StoredRecord):
    """Who may change a stack, as it stands in the artifact bucket.

    A lease that was not renewed for `seconds` may be taken over; after `LONGEST_LEASE_SECONDS`
    whatever it says, because a number that nobody can have configured would lock the stack for
    ever. `fencing` grows with every change of the holder, so that a writer that was asleep can be
    told from the one that took over. `renewals` makes every write differ from the one before.
    """

    stack: str
    holder: str
    fencing: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    renewals: Annotated[int, Field(ge=0)] = 0
    released: bool = False

    def to_bytes(self) -> bytes:
        """Return what is stored."""
        return canonical_json(self.model_dump(mode="json"))

    def renewed(self) -> Lease:
        """Return the lease with one more sign of life."""
        return self.model_copy(update={"renewals": self.renewals + 1})

    def given_back(self) -> Lease:
        """Return the lease as its holder leaves it for the next writer."""
        return self.model_copy(update={"released": True})


def lease_key(stack: str) -> str:
    """Return the key of a stack's lease in the artifact bucket."""
    return f"leases/{stack}.json"


def next_lease(found: Lease | None, age_seconds: float, wanted: Lease) -> Lease | None:
    """Return the lease that a writer may write, None while somebody else has it.

    `age_seconds` is the time since the last write, by the clock of the bucket alone: clocks of
    two machines may differ. Whoever holds it already gets it again as it is. `wanted` is the
    lease as the first writer would have it.
    """
    if found is None:
        return wanted
    if found.holder == wanted.holder and not found.released:
        return found
    if not is_held(found, age_seconds):
        return wanted.model_copy(update={"fencing": found.fencing + 1})
    return None


def is_held(found: Lease, age_seconds: float) -> bool:
    """Tell whether a lease's holder gives signs of life, `age_seconds` after its last write."""
    return not found.released and age_seconds <= min(found.seconds, LONGEST_LEASE_SECONDS)


def renewal_seconds(lease_seconds: float) -> float:
    """Return how often a living writer renews its lease."""
    return lease_seconds / _RENEWALS


def is_trusted(silent_seconds: float, lease_seconds: float) -> bool:
    """Tell whether a holder may change the stack without renewing its lease first.

    `silent_seconds` is the time since the last renewal began. A process that was stopped and
    woken finds it long, however often it would have renewed meanwhile.
    """
    return silent_seconds < lease_seconds * _TRUSTED_SHARE
