"""From the trigger step of a job to the first task of the flow that its event calls for.

python -m benchmarks.job [--rounds N] [--json PATH] [--smoke]

Tiercel is installed already, as after the step before: how long that takes depends on the index.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from benchmarks.measure import Sample, Series
from benchmarks.place import CONFIG, sandbox, work_in, working_folder
from benchmarks.report import Report, read_options
from benchmarks.trigger import own_worker, worker

if TYPE_CHECKING:
    from benchmarks.deployment_runs import Timeline

_AT_ONCE = 20
_TARGET_SECONDS = 5.0
_ENTRYPOINT = "tiercel.flows.publish.publish_artifact"
_STEP = ("trigger", "preprod", "--no-wait")
# The worker's tiercel.toml does not have it, so that the run ends after its first task.
_REPOSITORY = "nobody/nothing"


@dataclass
class _Job:
    """Steps of jobs whose event is a push to develop, each of another commit."""

    folder: Path
    commits: Iterator[int] = field(default_factory=lambda: count(1))

    def trigger(self) -> tuple[Timeline | None, float]:
        """Run the step; return the timeline from its start on, and the step's processor time.

        There is no timeline of a run that crashed.
        """
        from benchmarks.deployment_runs import timeline_of  # noqa: PLC0415

        number = next(self.commits)
        event, outputs = self.folder / f"event-{number}.json", self.folder / f"outputs-{number}"
        event.write_text(
            json.dumps(
                {
                    "ref": "refs/heads/develop",
                    "before": "0" * 40,
                    "after": f"{number:040x}",
                    "deleted": False,
                    "repository": {"full_name": _REPOSITORY},
                }
            )
        )
        environment = os.environ | {
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(outputs),
            "TIERCEL_CONFIG": str(self.folder / "tiercel.toml"),
            "PREFECT_API_AUTH_STRING": "tiercel:word",
        }
        called = datetime.now(UTC)
        used = _run([sys.executable, "-P", "-m", "tiercel", *_STEP], environment)
        address = next(line for line in outputs.read_text().splitlines() if "/" in line)
        return timeline_of(UUID(address.rpartition("/")[2]), called), used


def _run(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a command and return its processor time, in seconds, which others' load changes least."""
    step = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(step.pid, 0)
    step.returncode = os.waitstatus_to_exitcode(status)
    if step.returncode:
        raise RuntimeError(f"the step ended with {step.returncode}")
    return usage.ru_utime + usage.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = read_options("job", 20, arguments)
    report = Report("job", options)
    with working_folder() as folder, sandbox(folder / "sandbox") as running:
        work_in(running)
        from benchmarks.deployment_runs import create_deployment  # noqa: PLC0415

        create_deployment(_ENTRYPOINT, "preprod", folder / "prefect.yaml")
        text = CONFIG.read_text().replace('["acme/*"]', f'["acme/*", "{_REPOSITORY}"]')
        (folder / "tiercel.toml").write_text(text)
        job = _Job(folder)
        with worker(own_worker(folder / "prefect.yaml"), folder):
            job.trigger()  # not counted: the worker is starting
            report.say(f"one at a time, {options.rounds} times")
            single = [job.trigger() for _ in range(options.rounds)]
            many = 2 if options.smoke else _AT_ONCE
            report.say(f"{many} at once")
            with ThreadPoolExecutor(many) as threads:
                crowd = list(threads.map(lambda _: job.trigger(), range(many)))
    _add(report, "one at a time", single)
    _add(report, f"{many} at once", crowd)
    whole = report.series[f"one at a time: {_parts()[-1]}"]
    report.judge("median seconds from step to first task", whole.seconds.median, _TARGET_SECONDS)
    report.write()
    return 0


def _add(report: Report, title: str, found: Sequence[tuple[Timeline | None, float]]) -> None:
    runs = [(one, used) for one, used in found if one]
    report.details[f"{title}: crashed"] = len(found) - len(runs)
    for place, name in enumerate(_parts()):
        samples = [
            Sample(list(one.parts().values())[place], 0.0 if place else used) for one, used in runs
        ]
        report.add(Series(f"{title}: {name}", samples))


def _parts() -> tuple[str, ...]:
    """The parts of a timeline; what is an API call there is the whole step here."""
    from benchmarks.deployment_runs import PARTS  # noqa: PLC0415

    return ("the step, until the run is made", *PARTS[1:-1], "step to first task")


if __name__ == "__main__":
    sys.exit(main())
