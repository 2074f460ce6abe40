"""How a drill may end otherwise than well, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tiercel.domain.base.digests import short
from tiercel.domain.base.errors import (
    ExitCode,
    NotStartedError,
    RefusedInputError,
    TiercelError,
)
from tiercel.domain.base.notices import Notice, NoticeKind
from tiercel.domain.drill.plan import PlannedStack
from tiercel.domain.drill.record import Begun
from tiercel.domain.drill.report import DrillReport


class DrillFailedError(TiercelError):
    """A drill has ended, and not everything is as it was before, or it took too long."""

    exit_code = ExitCode.CHECK_FAILED


def require_approved_plan(begun: Begun) -> None:
    """Raise RefusedInputError if a drill's plan is not the one whose digest was approved."""
    if begun.plan.digest == begun.digest:
        return
    raise RefusedInputError(
        "drill.plan_tampered",
        f"the plan of drill {begun.number} is not the one that was approved",
        where=f"drill {begun.number} of {begun.plan.environment}",
        why=f"its digest is {short(begun.plan.digest)}, approved was {short(begun.digest)}",
        state="this run deleted nothing",
        remedy="find out who wrote it; the role `retention` removes the newer versions of the plan",
    )


def newer_than_the_plan(planned: PlannedStack, changes: Sequence[str]) -> RefusedInputError:
    """Return why a stack of the plan is left as it is."""
    return RefusedInputError(
        "drill.newer_than_plan",
        f"stack {planned.name} is not as the plan knows it",
        where=f"stack {planned.stack_id}",
        why="; ".join(changes),
        state="it was left alone; the other stacks of the drill go on",
        remedy="nothing, if the change is wanted: the next drill plans it",
    )


def not_rebuilt(planned: PlannedStack, missing: Iterable[str]) -> NotStartedError:
    """Return why a stack is not brought back: others that it needs were not."""
    return NotStartedError(
        "drill.not_rebuilt",
        f"{planned.name} was not rebuilt, because {', '.join(sorted(missing))} was not",
        where=f"stack {planned.name}",
        state="it is gone",
        remedy="correct what failed, then deploy it again",
    )


def appeared_since(
    environment: str, stacks: Sequence[str], resources: Sequence[str]
) -> RefusedInputError:
    """Return what an environment still has after everything of the plan was deleted."""
    return RefusedInputError(
        "drill.not_empty",
        f"{environment} is not empty after its deletion",
        where=f"environment {environment}",
        why=f"there are {', '.join([*stacks, *resources])}",
        state="what is not of the plan was left alone",
        remedy="find out who makes them; if they are to go, plan again",
    )


def require_passed(report: DrillReport) -> None:
    """Return if everything is back as it was, in time; DrillFailedError otherwise."""
    if report.passed:
        return
    where = f"drill {report.number} of {report.environment}"
    remedy = f"see `tiercel drills --open {report.number}`"
    if report.failures or report.differences:
        raise DrillFailedError(
            "drill.not_as_before",
            f"{report.environment} is not what it was before the drill",
            where=where,
            why="\n".join([*report.failures, *report.differences]),
            state="the drill is closed, other runs go on",
            remedy=remedy,
        )
    raise DrillFailedError(
        "drill.too_slow",
        f"{report.environment} was back too late",
        where=where,
        why=f"it took {report.seconds:.0f} s, the objective is {report.objective_seconds:.0f} s",
        state="everything is as it was before",
        remedy=f"{remedy}: the critical path shows what to make faster",
    )


def missed_notice(report: DrillReport, missed: DrillFailedError) -> Notice:
    """Return what people are told of a drill that did not reach what it is to reach."""
    return Notice(
        kind=NoticeKind.DRILL_MISSED,
        subject=f"drill {report.number} of {report.environment} missed",
        text=f"{missed.what}: {missed.why}",
        remedy=missed.remedy,
    )
