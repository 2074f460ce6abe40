"""A drill that is under way: its plan, what it has done by now, and who acts for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.base.errors import (
    ArtifactConflictError,
    ConfigurationError,
    DeployFailedError,
    RefusedInputError,
    SmokeTestFailedError,
    TiercelError,
    UntrustedArtifactError,
)
from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.drill.record import Begun, DrillStep, Phase
from tiercel.domain.release.ledger import Intent
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.aws.caller import caller_arn
from tiercel.tasks.stack.waiting.under_way import StacksUnderWay
from tiercel.tasks.teardown.drill_records import read_drill_steps, read_step, record_step
from tiercel.tasks.teardown.inventory import Looker

REBUILD_VERDICTS = (
    ArtifactConflictError,
    ConfigurationError,
    DeployFailedError,
    RefusedInputError,
    SmokeTestFailedError,
    UntrustedArtifactError,
)
"""What says that something cannot be rebuilt; all else is for the next run to go on from."""


@dataclass
class Drill:
    """A drill and the steps that have ended, by phase and stack."""

    target: ReleaseTarget
    begun: Begun
    steps: dict[tuple[Phase, str], DrillStep] = field(default_factory=dict)
    going: set[str] = field(default_factory=set)
    """The stacks that this run itself has begun to delete."""
    rebuilt: dict[str, Intent] = field(default_factory=dict)
    """What this run itself has released again, by stack."""
    _acts_as: str = ""

    @classmethod
    async def taken_up(cls, target: ReleaseTarget, begun: Begun) -> Drill:
        """Return a drill as it stands: a run that is new to it goes on where another stopped."""
        steps = await call(read_drill_steps, target.records, begun.number)
        mine = replace(target, drill=begun.number, under_way=StacksUnderWay(target.deployer))
        return cls(mine, begun, {(one.phase, one.stack): one for one in steps})

    @property
    def plan(self) -> DrillPlan:
        """What was approved."""
        return self.begun.plan

    @property
    def looker(self) -> Looker:
        """Who looks at what is there."""
        return Looker(self.target.auditor, self.target.destroyer)

    async def acts_as(self) -> str:
        """Return the ARN of the run's own principal, for which AWS is asked once."""
        if not self._acts_as:
            self._acts_as = await call(caller_arn, self.target.names.environment.region)
        return self._acts_as

    def done(self, phase: Phase, stack: str = "") -> DrillStep | None:
        """Return the step if it has ended, as far as this run knows; None if it is to be done."""
        return self.steps.get((phase, stack))

    async def ended(self, phase: Phase, stack: str = "") -> DrillStep | None:
        """Return the step if any run of the drill has ended it by now.

        For what cannot be undone: another run may have given the drill up, or be ahead.
        """
        found = self.done(phase, stack) or await call(
            read_step, self.target.records, self.begun.number, phase, stack
        )
        if found:
            self.steps[phase, stack] = found
        return found

    @property
    def deleted(self) -> Mapping[str, DrillStep]:
        """The stacks that this drill has deleted."""
        return {
            stack: step
            for (phase, stack), step in self.steps.items()
            if phase is Phase.DELETE and not step.failure
        }

    @property
    def coming_back(self) -> set[str]:
        """The stacks that are gone, or going by this run itself, and are rebuilt."""
        going = {one for one in self.going if not self.done(Phase.DELETE, one)}
        return going.union(self.deleted)

    def stays_away(self, stack: str) -> bool:
        """Tell whether this drill brings a stack back no more: it could not be rebuilt."""
        rebuilt = self.done(Phase.REBUILD, stack)
        return rebuilt is not None and rebuilt.failure is not None

    async def record(self, step: DrillStep) -> DrillStep:
        """Write a step down, so that nobody does it again."""
        written = await call(record_step, self.target.records, self.begun.number, step)
        self.steps[step.phase, step.stack] = written
        failure = written.failure
        said = f"failed: {failure.what}" if failure else f"done in {written.seconds:.1f} s"
        get_run_logger().info("%s %s: %s", written.phase, written.stack, said)
        return written


def failed_step(phase: Phase, stack: str, began: datetime, error: TiercelError) -> DrillStep:
    """Return the step of a stack that this drill leaves as it is, and why."""
    return DrillStep(
        phase=phase, stack=stack, began=began, ended=datetime.now(UTC), failure=error.failure
    )
