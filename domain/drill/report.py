"""What a drill has shown: how long it took, what held it up, what is not as it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import Field

from tiercel.domain.base.digests import PlanDigest
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.values import Frozen
from tiercel.domain.drill.deletion import consumers, critical_path
from tiercel.domain.drill.plan import DrillPlan, LeftOut, PlannedStack
from tiercel.domain.drill.record import (
    ORDER,
    SHADOW_ORDER,
    Begun,
    DrillStep,
    Phase,
    Remains,
)


class Bar(Frozen):
    """One bar of the waterfall: `start` and `seconds` count from the drill's beginning."""

    phase: Phase
    stack: str
    start: float
    seconds: float
    failed: bool = False
    critical: bool = False
    steps: dict[str, float] = Field(default_factory=dict)


class Earlier(Frozen):
    """An earlier drill of the environment, for the trend."""

    number: int
    at: datetime
    seconds: float
    stacks: int
    passed: bool


class DrillReport(StoredRecord):
    """Everything about a drill that has ended. Seconds are wall-clock time.

    `seconds` is the recovery time: to the last verification from the first deletion, or in a
    shadow drill, which deletes afterwards, from the first rebuilding. `critical_seconds` is how
    long the longest chain of that took: no order of the same work is faster.
    """

    number: int
    environment: str
    account: str
    digest: PlanDigest
    approved_by: str
    at: datetime
    ended: datetime
    seconds: float
    phases: dict[str, float]
    bars: tuple[Bar, ...]
    critical_path: tuple[str, ...]
    critical_seconds: float
    objective_seconds: float = 0.0
    stacks: int = 0
    lost: tuple[str, ...] = ()
    remains: tuple[Remains, ...] = ()
    pending: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    shadow_of: str = ""
    left_out: tuple[LeftOut, ...] = ()

    @property
    def span(self) -> float:
        """How many seconds the waterfall has, from its first bar to the end of its last one."""
        return max((one.start + one.seconds for one in self.bars), default=0.0)

    @property
    def objective_met(self) -> bool:
        """Whether it was fast enough; without an objective always."""
        return not self.objective_seconds or self.seconds <= self.objective_seconds

    @property
    def passed(self) -> bool:
        """Whether everything is back as it was, in time."""
        return not self.failures and not self.differences and self.objective_met

    @property
    def distance(self) -> float:
        """How many times the critical path the recovery took; 0 if there was no path."""
        return self.seconds / self.critical_seconds if self.critical_seconds else 0.0

    def as_earlier(self) -> Earlier:
        """Return what later drills keep of this one."""
        return Earlier(
            number=self.number,
            at=self.at,
            seconds=self.seconds,
            stacks=self.stacks,
            passed=self.passed,
        )


def report_of(
    begun: Begun,
    steps: Sequence[DrillStep],
    objective_seconds: float,
    earlier: Iterable[DrillReport] = (),
) -> DrillReport:
    """Return the report of a drill, given every step that it has written down."""
    plan = begun.plan
    order = SHADOW_ORDER if plan.shadow_of else ORDER
    began = min((one.began for one in steps), default=begun.at)
    ended = max((one.ended for one in steps), default=begun.at)
    recovered = max((one.ended for one in _recovery(plan, steps)), default=began)
    path, critical = _critical(plan, _recovery(plan, steps))
    return DrillReport(
        number=begun.number,
        environment=plan.environment,
        account=plan.account,
        digest=begun.digest,
        approved_by=begun.approved_by,
        at=began,
        ended=ended,
        seconds=round((recovered - began).total_seconds(), 3),
        phases=_phases(steps, order),
        bars=_bars(steps, began, path, order),
        critical_path=path,
        critical_seconds=round(critical, 3),
        objective_seconds=objective_seconds,
        stacks=len(plan.stacks),
        lost=tuple(one.line() for step in steps for one in step.data),
        remains=tuple(one for step in steps for one in step.remains),
        pending=tuple(line for one in plan.stacks for line in lingering(one)),
        differences=tuple(f"{one.stack}: {line}" for one in steps for line in one.differences),
        generated=tuple(f"{one.stack}: {line}" for one in steps for line in one.generated),
        failures=tuple(
            f"{one.phase} {one.stack}: {one.failure.what}" for one in steps if one.failure
        ),
        earlier=tuple(one.as_earlier() for one in earlier),
        shadow_of=plan.shadow_of,
        left_out=plan.left_out,
    )


def _recovery(plan: DrillPlan, steps: Sequence[DrillStep]) -> list[DrillStep]:
    """Return the steps until everything is there: taking a shadow down is none of them."""
    counted = (Phase.REBUILD, Phase.VERIFY) if plan.shadow_of else ORDER
    return [one for one in steps if one.phase in counted]


def _phases(steps: Sequence[DrillStep], order: Sequence[Phase]) -> dict[str, float]:
    """Return how long each phase took, from its first beginning to its last end."""
    phases: dict[str, float] = {}
    for phase in order:
        mine = [one for one in steps if one.phase is phase]
        if mine:
            first, last = min(one.began for one in mine), max(one.ended for one in mine)
            phases[phase] = round((last - first).total_seconds(), 3)
    return phases


_ONE_BY_ONE = (
    Phase.PROVE_EMPTY,
    Phase.BEGIN_FOUNDATION,
    Phase.DESTROY_FOUNDATION,
    Phase.APPLY_FOUNDATION,
)


def _critical(plan: DrillPlan, steps: Sequence[DrillStep]) -> tuple[tuple[str, ...], float]:
    """Return the longest chain of deletions and then of rebuilding, with what joins them."""
    took: dict[Phase, dict[str, float]] = {phase: {} for phase in Phase}
    for one in steps:
        took[one.phase][one.stack] = one.seconds
    going = {} if plan.shadow_of else consumers(plan.graph)
    down, down_seconds = critical_path(going, took[Phase.DELETE])
    back, back_seconds = critical_path(plan.graph, took[Phase.REBUILD])
    between = sum(sum(took[phase].values()) for phase in _ONE_BY_ONE)
    verified = max(took[Phase.VERIFY].values(), default=0.0)
    names = (*(f"delete {one}" for one in down), *(f"rebuild {one}" for one in back))
    return names, down_seconds + between + back_seconds + verified


def _bars(
    steps: Sequence[DrillStep], began: datetime, path: Sequence[str], order: Sequence[Phase]
) -> tuple[Bar, ...]:
    at = {phase: index for index, phase in enumerate(order)}
    return tuple(
        Bar(
            phase=one.phase,
            stack=one.stack,
            start=round((one.began - began).total_seconds(), 3),
            seconds=one.seconds,
            failed=one.failure is not None,
            critical=f"{one.phase} {one.stack}" in path,
            steps=one.steps,
        )
        for one in sorted(steps, key=lambda one: (at[one.phase], one.began, one.stack))
    )


_LINGERS = {
    "AWS::KMS::Key": "pending deletion for 7 to 30 days; a rebuilt stack has a new key",
    "AWS::Lambda::Function": "its log group /aws/lambda/{name} stays, unless a stack owns it",
    "AWS::SecretsManager::Secret": "may be restored for some days, by its old ARN",
}


def lingering(stack: PlannedStack) -> tuple[str, ...]:
    """Return what AWS keeps of a deleted stack for a while, by its nature.

    https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html
    """
    return tuple(
        f"{stack.name}: {one.path} ({one.physical_id}): "
        + _LINGERS[one.resource_type].format(name=one.physical_id)
        for one in stack.resources
        if one.resource_type in _LINGERS and not one.retained
    )


def expected_seconds(plan: DrillPlan, earlier: Sequence[DrillReport]) -> float | None:
    """Return how long a drill should take: the median of earlier ones, for as many stacks.

    None if there was none, and if none ended well.
    """
    good = sorted(
        one.seconds * max(1, len(plan.stacks)) / max(1, one.stacks)
        for one in earlier
        if not one.failures
    )
    return good[len(good) // 2] if good else None
