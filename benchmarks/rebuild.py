"""Whole drills of 10, 50 and 100 stacks in chains, fans and diamonds, and how far from the limit.

    python -m benchmarks.rebuild [--json PATH] [--smoke]

A call takes 60 ms and an operation on a stack 20 s, on a clock that is scaled: the machine's own
processor time is not, so it weighs as many times more as the clock is faster. Chains wait most of
the time, so theirs is the fastest. The limit is the critical path of the operations alone: nothing
that waits for them can be faster. What is drilled was released before, with nothing slowed down.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.place import sandbox, work_in, working_folder
from benchmarks.report import Report, read_options
from tiercel.cli.terminal.import_folder import import_folder
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.runs import run_flow
from tiercel.domain.drill.deletion import critical_path
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.sandbox.repositories import create_from_folder

CALL_MS, OPERATION_SECONDS = 60, 20.0
SCALES: Mapping[str, float] = {"chain": 4, "fan": 1, "diamond": 1}
"""How many times as fast the clock of each shape is; at most 10."""
_SMOKE_SCALE = 10
_MOST, _MOST_GROWTH = 1.25, 1.2
_JUDGED = 50
_CHAIN = 10
"""Stacks in a row; a longer chain would be nothing but waiting."""

Needs = Mapping[int, tuple[int, ...]]


def chain(count: int) -> Needs:
    """Return rows of ten, in which each stack needs the one before it."""
    return {one: (one - 1,) if one % _CHAIN else () for one in range(count)}


def fan(count: int) -> Needs:
    """Return one stack that all others need."""
    return {one: (0,) if one else () for one in range(count)}


def diamond(count: int) -> Needs:
    """Return one stack that all in the middle need, and a last one that needs all of those."""
    last = count - 1
    middle = tuple(range(1, last))
    return {0: (), **dict.fromkeys(middle, (0,)), last: middle[:20]}


SHAPES: Mapping[str, Callable[[int], Needs]] = {"chain": chain, "fan": fan, "diamond": diamond}


@dataclass(frozen=True)
class Measured:
    """A drill: seconds of the scaled clock, and our own processor time and memory."""

    shape: str
    count: int
    seconds: float
    limit: float
    one_by_one: float
    cpu_seconds: float
    memory_mib: float

    @property
    def ratio(self) -> float:
        """How many times the limit the drill took."""
        return self.seconds / self.limit


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = read_options("rebuild", 1, arguments)
    report = Report("rebuild", options)
    counts = (3,) if options.smoke else (10, _JUDGED, 100)
    scales = dict.fromkeys(SHAPES, _SMOKE_SCALE) if options.smoke else SCALES
    told = ", ".join(f"{shape} x {scale:g}" for shape, scale in scales.items())
    report.say(f"{CALL_MS} ms a call, {OPERATION_SECONDS:g} s an operation; clock: {told}")
    with working_folder() as folder, sandbox(folder / "prefect") as prefect:
        work_in(prefect)
        measured = [
            _measured(report, shape, count, scales[shape]) for count in counts for shape in SHAPES
        ]
    report.details["drills"] = [vars(one) | {"ratio": one.ratio} for one in measured]
    report.details["scales"] = dict(scales)
    for one in measured:
        if one.count == _JUDGED:
            report.judge(f"{one.shape} of {one.count}: makespan / limit", one.ratio, _MOST)
    _judge_growth(report, measured)
    report.write()
    return 0


def _judge_growth(report: Report, measured: Sequence[Measured]) -> None:
    each = {(one.shape, one.count): one.cpu_seconds / one.count for one in measured}
    for shape in SHAPES:
        if (shape, 100) in each:
            growth = each[shape, 100] / each[shape, 10]
            report.judge(f"{shape}: processor time a stack, 100 / 10", growth, _MOST_GROWTH)


def _measured(report: Report, shape: str, count: int, scale: float) -> Measured:
    needs = SHAPES[shape](count)
    with working_folder() as folder:
        state = folder / "sandbox"
        with sandbox(state, prefect=False) as running:
            work_in(running)
            _released(running, folder, needs)
        with sandbox(
            state,
            latency_ms=round(CALL_MS / scale),
            stack_seconds=OPERATION_SECONDS / scale,
            prefect=False,
        ) as running:
            work_in(running)
            drill, cpu = _drilled()
    graph = {str(one): frozenset(map(str, needed)) for one, needed in needs.items()}
    path = critical_path(graph, dict.fromkeys(graph, OPERATION_SECONDS))[1]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    one = Measured(
        shape, count, drill.seconds * scale, 2 * path, 2 * count * OPERATION_SECONDS, cpu, used
    )
    report.say(
        f"{shape} of {count}: {one.seconds:.0f} s, limit {one.limit:.0f} s ({one.ratio:.2f} times),"
        f" one by one {one.one_by_one:.0f} s; {one.cpu_seconds / count:.3f} s of processor a"
        f" stack, {one.memory_mib:.0f} MiB"
    )
    return one


def _released(running: Sandbox, folder: Path, needs: Needs) -> None:
    from tiercel.flows.deploy import deploy_to_preprod  # noqa: PLC0415 - Prefect reads settings
    from tiercel.flows.publish import publish_artifact  # noqa: PLC0415 - the same

    output = Output(quiet=True)
    create_from_folder(_written(folder / "source", needs), folder / "services")
    name, commit = import_folder(folder / "services", running.state, once=True)
    run_flow(publish_artifact, output, repository=name, commit=commit, then_deploy=False)
    run_flow(deploy_to_preprod, output, repository=name, commit=commit)


def _drilled() -> tuple[Any, float]:
    """Drill, and return the report and the drill's processor time."""
    from tiercel.flows.rebuild_from_scratch import rebuild_from_scratch  # noqa: PLC0415, I001

    import tiercel.deployments.worker.read_beforehand  # noqa: F401, PLC0415 - as a worker's runs

    output = Output(quiet=True)
    plan: Any = run_flow(rebuild_from_scratch, output, environment="preprod", plan_only=True).result
    began = time.process_time()
    finished: Any = run_flow(
        rebuild_from_scratch, output,
        environment="preprod", approve=plan.digest, account=plan.alias,
    )  # fmt: skip
    return finished.result, time.process_time() - began


def _written(folder: Path, needs: Needs) -> Path:
    """Write a repository with one queue for each service, which takes outputs of those it needs."""
    tables = []
    for one, needed in needs.items():
        service = folder / f"s{one}"
        service.mkdir(parents=True)
        outputs = {f"Queue{one}": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}}
        template = {
            "Parameters": {f"Queue{other}": {"Type": "String"} for other in needed},
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": outputs,
        }
        (service / "template.json").write_text(json.dumps(template))
        depends = json.dumps([f"s{other}" for other in needed])
        tables.append(
            f'[services.s{one}]\npath = "s{one}"\ntemplate = "template.json"\n'
            f"depends_on = {depends}\n"
        )
    (folder / "tiercel.toml").write_text("\n".join(tables))
    return folder


if __name__ == "__main__":
    sys.exit(main())
