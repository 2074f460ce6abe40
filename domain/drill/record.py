"""What a drill writes down while it goes on, so that whoever is killed can be followed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tiercel.domain.base.digests import ArtifactDigest, PlanDigest, Sha256
from tiercel.domain.base.failure import Failure
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.values import Frozen
from tiercel.domain.drill.inventory import HeldData
from tiercel.domain.drill.plan import DrillPlan

OPEN_DRILL = "drills/open.json"
"""The one object that tells every run of the bucket's environments to wait."""
_PLAN = re.compile(r"drills/(?P<number>[0-9]{8})/plan\.json")
_Number = Annotated[int, Field(ge=1, le=99_999_999)]


class Phase(StrEnum):
    """The phases of a drill, in their order.

    The account's own resources are destroyed once BEGIN_FOUNDATION has ended, and never if it
    failed: as a step is written once, one run decides that for all.
    """

    DELETE = "delete"
    PROVE_EMPTY = "prove-empty"
    BEGIN_FOUNDATION = "begin-foundation"
    DESTROY_FOUNDATION = "destroy-foundation"
    APPLY_FOUNDATION = "apply-foundation"
    REBUILD = "rebuild"
    VERIFY = "verify"


ORDER = tuple(Phase)
SHADOW_ORDER = (Phase.REBUILD, Phase.VERIFY, Phase.DELETE, Phase.PROVE_EMPTY)
"""A shadow drill takes down what it has rebuilt."""


class ApprovalKind(StrEnum):
    """Who has approved; a shadow drill deletes nothing that was there before it."""

    TYPED = "typed"
    STANDING = "standing"
    NOT_NEEDED = "not needed"


class Begun(StoredRecord):
    """Written once, before anything is deleted: the plan, and who approved exactly it."""

    number: _Number
    plan: DrillPlan
    digest: PlanDigest
    approved_by: str
    approval: ApprovalKind
    at: datetime
    flow_run: str
    express: bool = False

    def marker(self, prefix: str) -> OpenDrill:
        """Return what tells other runs that it is open, those of stacks with the prefix to wait."""
        environment = self.plan.environment
        return OpenDrill(number=self.number, prefix=prefix, environment=environment, at=self.at)


class OpenDrill(StoredRecord):
    """While it is not closed, no other run changes a stack whose name has the prefix."""

    number: _Number
    prefix: str
    environment: str
    at: datetime
    closed: bool = False

    def stops(self, prefix: str, own: int = 0) -> bool:
        """Tell whether a run that is part of the drill `own` has to wait for this one."""
        return not self.closed and self.prefix == prefix and self.number != own


class Remains(Frozen):
    """What is left of a deleted stack, and why."""

    path: str
    physical_id: str
    resource_type: str
    reason: str = ""


class DrillStep(StoredRecord):
    """Written once, when a phase has ended for one stack; for the whole if `stack` is empty.

    `failure` is why it failed; `data` is what a stack held just before it was deleted, `lost`
    counts the versions that were removed from each bucket, `differences` has what is not as it
    was before, and `number` the release that rebuilt it.
    """

    phase: Phase
    stack: str = ""
    began: datetime
    ended: datetime
    failure: Failure | None = None
    stack_id: str = ""
    number: int = 0
    artifact_digest: ArtifactDigest | None = None
    template_sha256: Sha256 | None = None
    steps: dict[str, float] = Field(default_factory=dict)
    data: tuple[HeldData, ...] = ()
    lost: dict[str, int] = Field(default_factory=dict)
    remains: tuple[Remains, ...] = ()
    differences: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    """Outputs and parameters with an id that AWS makes anew each time."""

    @property
    def seconds(self) -> float:
        """How long it took, by the clock on the wall."""
        return round((self.ended - self.began).total_seconds(), 3)


def plan_key(number: int) -> str:
    """Return the key under which a drill begins, once."""
    return f"{drill_prefix(number)}plan.json"


def step_key(number: int, phase: Phase, stack: str = "") -> str:
    """Return the key under which a step of a drill ends, once."""
    return f"{drill_prefix(number)}{phase}{f'-{stack}' if stack else ''}.json"


def report_key(number: int) -> str:
    """Return the key of a drill's report."""
    return f"{drill_prefix(number)}report.json"


def drill_prefix(number: int) -> str:
    """Return what all keys of a drill begin with."""
    return f"drills/{number:08d}/"


def numbers_of(keys: Iterable[str]) -> tuple[int, ...]:
    """Return the numbers of all drills, the oldest first, given the bucket's keys."""
    found = (_PLAN.fullmatch(key) for key in keys)
    return tuple(sorted(int(match["number"]) for match in found if match))
