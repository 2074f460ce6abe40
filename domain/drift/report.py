"""What a look for drift found, as it stands in the environment's artifact bucket."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.values import Frozen

DRIFT_KEY = "drift/report.json"
"""Where the newest report is: every look writes over the one before."""
MOST_FINDINGS = 500


class DriftKind(StrEnum):
    """In which way something is not as Tiercel left it."""

    MODIFIED = "changed resource"
    DELETED = "deleted resource"
    PAST_TIERCEL = "changed past Tiercel"
    POLICY = "not as provisioned"
    UNSEEN = "not looked at"


class DriftFinding(Frozen):
    """One thing that is not as it was left: what, where, why that is said, and the remedy."""

    kind: DriftKind
    where: str
    what: str
    why: str = ""
    remedy: str


class DriftReport(StoredRecord):
    """The newest look: when, by which run, at how many stacks, and everything that was found.

    `left_out` is how many findings there were beyond the first `MOST_FINDINGS`.
    """

    environment: str
    at: datetime
    flow_run: str
    url: str = ""
    stacks: int
    findings: tuple[DriftFinding, ...] = Field(default=())
    left_out: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether all was looked at, and nothing was found."""
        return not self.findings

    @property
    def drifted(self) -> tuple[DriftFinding, ...]:
        """What is known to differ."""
        return tuple(one for one in self.findings if one.kind is not DriftKind.UNSEEN)

    def summary(self) -> str:
        """Return a line such as `3 stacks: 1 changed resource, 2 not looked at`."""
        counted = {kind: sum(one.kind is kind for one in self.findings) for kind in DriftKind}
        found = ", ".join(f"{number} {kind}" for kind, number in counted.items() if number)
        more = f", and {self.left_out} more" if self.left_out else ""
        return f"{self.stacks} stacks: {found or 'no drift'}{more}"

    def tells_more_than(self, before: DriftReport | None) -> bool:
        """Tell whether something differs that did not when somebody looked before."""
        known = {(one.kind, one.where, one.what) for one in before.findings} if before else set()
        return any((one.kind, one.where, one.what) not in known for one in self.drifted)

    def of_stack(self, stack: str) -> tuple[DriftFinding, ...]:
        """Return the resources of one stack that are known to differ."""
        resources = (DriftKind.MODIFIED, DriftKind.DELETED)
        return tuple(one for one in self.findings if one.where == stack and one.kind in resources)

    def to_bytes(self) -> bytes:
        """Return what is stored; lone surrogates could never be read again."""
        return canonical_json(self.model_dump(mode="json")).decode(errors="replace").encode()
