"""The lifecycle through the flows and as a bare script, without and with latency.

    python -m benchmarks.lifecycle [--rounds N] [--json PATH] [--smoke]

See docs/understand/performance.md for what is measured and what the bare script does.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bare import BareScript
from benchmarks.calls import different
from benchmarks.measure import Sample, Series, ratio_of, timed
from benchmarks.place import sandbox, topology, work_in, working_folder
from benchmarks.project import Project
from benchmarks.report import Report, read_options
from benchmarks.rounds import STEPS, play, total
from tiercel.sandbox.lifecycle import Sandbox

AWS_MS, GITHUB_MS, STACK_SECONDS = 60, 150, 5.0
_FLOW_ALLOWANCE, _TASK_ALLOWANCE = 0.4, 0.005
_MOST_SLOW_ROUNDS = 3

Steps = dict[str, Series]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = read_options("lifecycle", 5, arguments)
    report = Report("lifecycle", options)
    with working_folder() as folder, sandbox(folder / "quick") as quick:
        work_in(quick)
        report.say("without latency")
        _without_latency(report, quick, folder / "quick-work")
        if not options.smoke:
            report.say(f"with {AWS_MS} ms a call, {GITHUB_MS} ms a GitHub call and "
                       f"{STACK_SECONDS:g} s a stack operation")  # fmt: skip
            with sandbox(
                folder / "slow", latency_ms=AWS_MS, stack_seconds=STACK_SECONDS, prefect=False
            ) as slow:
                _with_latency(report, slow, folder / "slow-work")
    report.write()
    return 0


def _without_latency(report: Report, running: Sandbox, folder: Path) -> None:
    from benchmarks.flow_lifecycle import FlowLifecycle, bare_flow_run  # noqa: PLC0415

    flows = FlowLifecycle(Project("flows", running, folder))
    bare = _bare("bare", running, folder)
    calls: dict[str, Counter[str]] = {"flows": Counter(), "bare": Counter()}
    if not report.options.smoke:
        for side in (flows, bare):  # creates the stacks; later rounds update them
            play(side)
    ours, theirs, floor = _steps("flows"), _steps("bare script"), _steps("Prefect alone")
    empty = Series("Prefect alone, a flow without tasks")
    for number in range(report.options.rounds):
        _add(ours, play(flows, calls=None if number else calls["flows"]))
        _add(theirs, play(bare, calls=None if number else calls["bare"]))
        tasks = flows.tasks()
        _add(floor, {step: timed(lambda n=tasks[step]: bare_flow_run(n)) for step in STEPS})  # type: ignore[misc]
        empty.samples.append(timed(lambda: bare_flow_run(0)))
    for steps in (ours, theirs, floor):
        report.add(*steps.values())
    report.add(empty)
    report.add_ratio("lifecycle without latency: flows / bare script",
                     ratio_of(ours["total"], theirs["total"]))  # fmt: skip
    _judge_overhead(report, tasks, ours, theirs, floor)
    report.details["calls"] = {name: dict(sorted(c.items())) for name, c in calls.items()}
    _compare_calls(report, calls)


def _with_latency(report: Report, running: Sandbox, folder: Path) -> None:
    from benchmarks.flow_lifecycle import FlowLifecycle  # noqa: PLC0415

    work_in(running)
    flows = FlowLifecycle(Project("flows", running, folder))
    bare = _bare("bare", running, folder)
    ours, theirs = _steps("flows with latency"), _steps("bare script with latency")
    for _ in range(min(report.options.rounds, _MOST_SLOW_ROUNDS)):
        _add(ours, play(flows, GITHUB_MS))
        _add(theirs, play(bare, GITHUB_MS))
    for steps in (ours, theirs):
        report.add(*steps.values())
    report.add_ratio(
        "lifecycle with latency: flows / bare script",
        ratio_of(ours["total"], theirs["total"]),
        at_most=1.25,
    )


def _bare(name: str, running: Sandbox, folder: Path) -> BareScript:
    return BareScript(Project(name, running, folder), topology(), folder / f"{name}.git")


def _steps(side: str) -> Steps:
    return {step: Series(f"{side}: {step}") for step in (*STEPS, "total")}


def _add(steps: Steps, samples: dict[str, Sample]) -> None:
    for name, sample in (samples | {"total": total(samples)}).items():
        steps[name].samples.append(sample)


def _judge_overhead(
    report: Report, tasks: dict[str, int], ours: Steps, theirs: Steps, floor: Steps
) -> None:
    """Take the bare script and Prefect's own part off, and compare what is left."""
    report.details["tasks"] = tasks
    for step in (*STEPS, "total"):
        flows = len(STEPS) if step == "total" else 1
        runs = sum(tasks.values()) if step == "total" else tasks[step]
        left = Series(f"left: {step}, {runs} tasks")
        for a, b, c in zip(
            ours[step].samples, theirs[step].samples, floor[step].samples, strict=True
        ):
            left.samples.append(
                Sample(
                    a.seconds - b.seconds - c.seconds,
                    a.cpu_seconds - b.cpu_seconds - c.cpu_seconds,
                )
            )
        report.add(left)
        report.judge(
            f"seconds of {step} beyond the bare script and Prefect",
            left.seconds.median,
            round(flows * _FLOW_ALLOWANCE + runs * _TASK_ALLOWANCE, 3),
        )


def _compare_calls(report: Report, calls: dict[str, Counter[str]]) -> None:
    """Say where the two sides did not call the same."""
    found = different(calls["flows"], calls["bare"])
    report.details["different_calls"] = found
    for name, (flows, bare) in found.items():
        report.say(f"calls differ: {name}: flows {flows}, bare script {bare}")


if __name__ == "__main__":
    sys.exit(main())
