"""From the API call that starts a deployment to its first task, in a real process worker.

python -m benchmarks.trigger [--rounds N] [--json PATH] [--smoke]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from benchmarks.measure import Sample, Series, in_turn
from benchmarks.peers import run
from benchmarks.place import sandbox, work_in, working_folder
from benchmarks.report import ROOT, Report, read_options
from tiercel.sandbox.machine import processes

_AT_ONCE = 20
_LIMIT = "4"
_TARGET_SECONDS = 4.0
_ENTRYPOINT = "tiercel.flows.publish.publish_artifact"
_SETTINGS = {"PREFECT_WORKER_QUERY_SECONDS": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = read_options("trigger", 10, arguments)
    report = Report("trigger", options)
    with working_folder() as folder, sandbox(folder / "sandbox") as running:
        work_in(running)
        from benchmarks.deployment_runs import POOL, create_deployment  # noqa: PLC0415

        file = folder / "prefect.yaml"
        deployment = create_deployment(_ENTRYPOINT, POOL, file)
        theirs = ("prefect", "worker", "start", "--type", "process", "--pool", POOL)
        for name, command in (
            ("Prefect's process worker", (*theirs, "--limit", _LIMIT)),
            ("tiercel worker", own_worker(file)),
        ):
            with worker(command, folder):
                _measure(report, name, deployment)
    report.add(*_starts(3 if not options.smoke else 1).values())
    report.details["settings"] = _SETTINGS | {"runs at once of a worker": _LIMIT}
    report.write()
    return 0


def _measure(report: Report, worker: str, deployment: UUID) -> None:
    from benchmarks.deployment_runs import PARTS, Timeline, run_at_once  # noqa: PLC0415

    run_at_once(deployment, 1)  # not counted: the worker is starting
    report.say(f"{worker}: one at a time, {report.options.rounds} times")
    single: list[Timeline] = []
    for _ in range(report.options.rounds):
        single += run_at_once(deployment, 1)
    many = 2 if report.options.smoke else _AT_ONCE
    report.say(f"{worker}: {many} at once, {_LIMIT} of them in the worker")
    crowd = run_at_once(deployment, many)
    report.details[f"{worker}: lost of {many} at once"] = many - len(crowd)
    for title, runs in (("one at a time", single), (f"{many} at once", crowd)):
        report.add(
            *(
                Series(
                    f"{worker}, {title}: {part}", [Sample(run.parts()[part], 0.0) for run in runs]
                )
                for part in PARTS
            )
        )
    whole = report.series[f"{worker}, one at a time: {PARTS[-1]}"]
    report.judge(
        f"{worker}: median seconds from API call to first task",
        whole.seconds.median,
        _TARGET_SECONDS,
    )


def _starts(rounds: int) -> dict[str, Series]:
    """Return what a flow run's process does before its flow is there, apart."""
    python, module = sys.executable, _ENTRYPOINT.rpartition(".")[0]
    statements = {
        "start Python": "pass",
        "start Python, import Prefect's engine": "import prefect.engine",
        "start Python, import engine and flow": f"import prefect.engine, {module}",
    }
    return in_turn(
        rounds,
        {
            name: lambda code=code: run([python, "-c", code], ROOT)  # type: ignore[misc]
            for name, code in statements.items()
        },
    )


def own_worker(prefect_file: Path) -> tuple[str, ...]:
    """Return the command of Tiercel's worker for what a prefect.yaml of the benchmark says."""
    from benchmarks.deployment_runs import POOL  # noqa: PLC0415

    return ("tiercel", "worker", POOL, "--limit", _LIMIT, "--file", str(prefect_file))


@contextmanager
def worker(command: Sequence[str], folder: Path) -> Iterator[None]:
    """Run a worker with the settings that we recommend."""
    environment = dict(os.environ) | _SETTINGS | {"PREFECT_HOME": str(folder / "worker")}
    running = processes.start(
        [sys.executable, "-P", "-m", *command], environment, folder / "worker.log"
    )
    try:
        yield
    finally:
        processes.stop([running])


if __name__ == "__main__":
    sys.exit(main())
