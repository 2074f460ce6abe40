"""The pages of a drill: the plan that a person approves, and the report."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.digests import short
from tiercel.domain.drill.plan import DrillPlan, PlannedStack
from tiercel.domain.drill.report import DrillReport, lingering
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import code, escaped, table


def drill_plan_page(plan: DrillPlan, expected: float | None, earlier: Sequence[DrillReport]) -> str:
    """Return what is deleted, lost, kept and rebuilt, with the digest that approves it."""
    if plan.shadow_of:
        return _shadow_plan_page(plan, expected, earlier)
    return page(
        f"Drill of {escaped(plan.environment)}",
        *_first_lines(plan, expected, earlier),
        "## Deleted, in this order",
        table(
            ("wave", "stacks", "resources"),
            [
                (str(at), ", ".join(map(code, wave)), str(_resources(plan, wave)))
                for at, wave in enumerate(plan.deletion, start=1)
            ],
        ),
        "## Data that is lost",
        _list([one.line() for one in plan.data]),
        "## Kept, and why",
        _list(
            [
                f"{stack.name}: {one.path} ({one.physical_id}): the template retains it"
                for stack in plan.stacks
                for one in stack.kept
            ]
        ),
        "## Names that become anybody's",
        _list([name for one in plan.stacks for name in one.given_up]),
        *(
            (
                "## The account's own resources, destroyed and made again",
                _list(plan.foundation.addresses),
            )
            if plan.foundation
            else ()
        ),
        "## Rebuilt, in these waves",
        _rebuilt(plan),
        "## AWS's own times",
        _list(
            [
                *(
                    f"{one.name}: {one.wait_seconds} s until the name of its queue is free"
                    for one in plan.stacks
                    if one.wait_seconds
                ),
                *(line for one in plan.stacks for line in lingering(one)),
            ]
        ),
    )


def _shadow_plan_page(
    plan: DrillPlan, expected: float | None, earlier: Sequence[DrillReport]
) -> str:
    return page(
        f"Drill of {escaped(plan.environment)}",
        *_first_lines(plan, expected, earlier),
        f"Nothing of {escaped(plan.shadow_of)} is touched or read.",
        "## Rebuilt beside, in these waves, and taken down again",
        _rebuilt(plan),
        "## Left out, and why",
        _list([f"{one.service}: {one.why}" for one in plan.left_out]),
    )


def _first_lines(
    plan: DrillPlan, expected: float | None, earlier: Sequence[DrillReport]
) -> tuple[str, ...]:
    should = f"about {duration(expected)}" if expected is not None else "not known yet"
    last = ", ".join(f"drill {one.number}: {duration(one.seconds)}" for one in earlier[:5])
    return (
        f"**{escaped(plan.summary())}** in account {code(plan.alias)} ({plan.account}).",
        f"It should take {should}. Earlier: {last or 'none'}.",
        f"Plan digest {code(plan.digest)}",
        *(f"**Warning:** {escaped(one)}" for one in plan.warnings()),
    )


def _rebuilt(plan: DrillPlan) -> str:
    return table(
        ("wave", "stack", "release", "artifact", "commit"),
        [
            (str(at), code(name), *_origin(plan.stack(name)))
            for at, wave in enumerate(plan.rebuild, start=1)
            for name in wave
        ],
    )


def _resources(plan: DrillPlan, wave: Sequence[str]) -> int:
    return sum(len(plan.stack(name).resources) for name in wave)


def _origin(stack: PlannedStack) -> tuple[str, str, str]:
    return str(stack.number), code(short(stack.artifact_digest)), code(stack.commit[:7])


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines) or "none"


def drill_report_page(report: DrillReport) -> str:
    """Return how a drill went: the recovery time by phase and stack, and what differs."""
    verdict = "passed" if report.passed else "failed"
    objective = (
        f"; the objective is {duration(report.objective_seconds)}"
        if report.objective_seconds
        else ""
    )
    return page(
        f"Drill {report.number} of {escaped(report.environment)}: {verdict}",
        f"**{escaped(recovered(report))}**{objective}. The critical path "
        f"takes {duration(report.critical_seconds)}: {report.distance:.2f} times as long.",
        f"Approved by {escaped(report.approved_by)}, plan {code(short(report.digest))}",
        "## Phases",
        table(
            ("phase", "time"),
            [(escaped(phase), duration(seconds)) for phase, seconds in report.phases.items()],
        ),
        "## Stacks",
        table(
            ("phase", "stack", "began after", "took", "on the critical path"),
            [
                (
                    escaped(one.phase),
                    code(one.stack),
                    duration(one.start),
                    "failed" if one.failed else duration(one.seconds),
                    "yes" if one.critical else "",
                )
                for one in report.bars
            ],
        ),
        "## What failed",
        _list(report.failures),
        *(
            (
                "## Left out, and why",
                _list([f"{one.service}: {one.why}" for one in report.left_out]),
            )
            if report.shadow_of
            else ()
        ),
        "## What is not as it was",
        _list(report.differences),
        "## Made anew by AWS",
        _list(report.generated),
        "## Data that was lost",
        _list(report.lost),
        "## What stayed",
        _list(
            [f"{one.path} ({one.physical_id}): {one.reason}" for one in report.remains]
            + list(report.pending)
        ),
        "## Earlier drills",
        _list(
            [
                f"drill {one.number}, {one.at:%Y-%m-%d}: {duration(one.seconds)}, "
                f"{one.stacks} stacks{'' if one.passed else ', failed'}"
                for one in report.earlier
            ]
        ),
    )


def recovered(report: DrillReport) -> str:
    """Return in a sentence after how long everything was back, or there beside."""
    where = f"there beside {report.shadow_of}" if report.shadow_of else "back"
    return f"Everything was {where} after {duration(report.seconds)}"


def duration(seconds: float) -> str:
    """Return a time as people say it: `42.3 s`, `12 min 5 s`, `1 h 2 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
