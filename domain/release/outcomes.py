"""What is written down of a release that has ended, from how it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tiercel.domain.base.digests import NO_PLAN
from tiercel.domain.base.errors import (
    InterruptedRunError,
    SmokeTestFailedError,
    SupersededError,
    TiercelError,
    UnreachableError,
)
from tiercel.domain.release.ledger import Outcome, ReleaseStatus
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.domain.traffic.shifts import Shift


@dataclass(frozen=True)
class Course:
    """How a release went: what it last knew, and how many seconds it and each step took."""

    at: datetime
    seconds: float
    durations: dict[str, float] = field(default_factory=dict)
    stack: Stack | None = None
    plan: Plan | None = None
    answer: str = ""
    shifts: tuple[Shift, ...] = ()


def success(live: Stack, course: Course) -> Outcome:
    """Return the outcome of a release that is live, its smoke test passed."""
    return Outcome(
        status=ReleaseStatus.SUCCEEDED,
        deployed=True,
        at=course.at,
        seconds=course.seconds,
        durations=course.durations,
        stack_id=live.stack_id,
        stack_token=live.token,
        plan_digest=course.plan.digest if course.plan else NO_PLAN,
        change_set=course.plan.change_set_id if course.plan else "",
        outputs=live.outputs,
        smoke_test=course.answer,
        traffic=course.shifts,
    )


def failure(error: TiercelError, course: Course) -> Outcome | None:
    """Return the outcome of a release that ended with an error, None if nobody knows its end.

    Then the intent stays open and the next run goes on.
    """
    if isinstance(error, UnreachableError | InterruptedRunError):
        return None
    was_superseded = isinstance(error, SupersededError)
    return Outcome(
        status=ReleaseStatus.SUPERSEDED if was_superseded else ReleaseStatus.FAILED,
        deployed=isinstance(error, SmokeTestFailedError),
        at=course.at,
        seconds=course.seconds,
        durations=course.durations,
        stack_id=course.stack.stack_id if course.stack else "",
        plan_digest=course.plan.digest if course.plan else NO_PLAN,
        change_set=course.plan.change_set_id if course.plan else "",
        message=str(error),
        failure=error.failure,
        traffic=course.shifts,
    )
