"""The place `here`: on the worker, as the worker's user, with no protection but limits."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tiercel.domain.organization.topology import Builds
from tiercel.tasks.build.job import BuildJob, BuildStep, Place, announce_step
from tiercel.tasks.build.process import build_environment, can_go_offline, run_build
from tiercel.tasks.engine.task import run_logger


class Here(Place):
    """Runs commands beside the worker; whatever the worker's user may do, they may do."""

    name = "here"
    holds = False

    def lacking(self, builds: Builds, programs: Iterable[str]) -> list[str]:
        """See Place."""
        path = build_environment(Path(), builds)["PATH"]
        return [name for name in programs if not shutil.which(name, path=path)]

    def build(self, job: BuildJob) -> None:
        """See Place."""
        _run_all(job, job.build)

    def test(self, job: BuildJob) -> None:
        """See Place."""
        if job.test:
            _run_all(job, job.test_setup)
            announce_step(job, job.test)
            if not can_go_offline():
                run_logger().info("with network: this system cannot take it away")
            _run(job, job.test, offline=True)

    def inspect(self, job: BuildJob, step: BuildStep) -> None:
        """See Place."""
        _run(job, step, offline=True)


def _run_all(job: BuildJob, steps: Iterable[BuildStep]) -> None:
    for step in steps:
        announce_step(job, step)
        _run(job, step)


def _run(job: BuildJob, step: BuildStep, *, offline: bool = False) -> None:
    run_build(
        step.command, job.root / step.folder, job.scratch, job.builds,
        offline=offline, shown=step.shown,
    )  # fmt: skip
