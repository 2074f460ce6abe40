"""One change on its way from its pull request to Prod, each step timed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from benchmarks.calls import Mark
from benchmarks.measure import Sample, timed
from benchmarks.place import github_of, slow_github, work_in
from benchmarks.project import Project

STEPS = ("verify", "publish", "deploy", "promote")


class Lifecycle(Protocol):
    """The flows, or the bare script."""

    project: Project

    def verify(self, number: int, commit: str) -> None:
        """Verify a pull request."""

    def publish(self, commit: str) -> None:
        """Publish a commit of develop."""

    def deploy(self, commit: str) -> None:
        """Deploy it to Preprod."""

    def promote(self, commit: str, version: str, /) -> None:
        """Promote a commit of main to Prod."""


def play(
    side: Lifecycle, github_ms: int = 0, calls: Counter[str] | None = None
) -> dict[str, Sample]:
    """Take the project's next change to Prod; return what each step took.

    People's part, from the push to the merges, is not timed. `calls` gets what the steps
    called. Every step begins without clients, as a new process would.
    """
    project = side.project
    samples: dict[str, Sample] = {}

    def step(name: str, action: Callable[[], None], environment: str = "preprod") -> None:
        work_in(project.running, environment)
        slow_github(github_of(project.running), github_ms)
        mark = Mark.now(project.running)
        samples[name] = timed(action)
        if calls is not None:
            calls.update(mark.calls())
        slow_github(github_of(project.running), 0)

    change = project.propose()
    step("verify", lambda: side.verify(change.number, change.commit))
    develop = project.merge(change)
    step("publish", lambda: side.publish(develop))
    step("deploy", lambda: side.deploy(develop))
    main = project.release(change)
    step("promote", lambda: side.promote(main, change.version), "prod")
    return samples


def total(samples: dict[str, Sample]) -> Sample:
    """Return the sum of all steps."""
    return Sample(
        sum(sample.seconds for sample in samples.values()),
        sum(sample.cpu_seconds for sample in samples.values()),
    )
