"""What a place has to run for one service, and what every place promises.

A place is where a repository's own commands run: `here`, `isolated`, `codebuild`. Whatever the
place, the source is exported before and the packages are made afterwards by the same code, so
that they have the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Protocol

from tiercel.domain.artifact.indexes import NO_NEED, IndexNeed
from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.engine.task import run_logger


@dataclass(frozen=True)
class BuildStep:
    """One command, as an argument list and for no shell, in a folder below the job's root.

    `shown` says in the run's log what it is for, if the command does not. `tools` are programs
    of Tiercel's own, or their folders, that a place on this machine has to show, read only.
    `need` is what of the network the command is known to need.
    `programs` are names of those that the command needs of the machine itself.
    """

    command: tuple[str, ...]
    folder: PurePosixPath
    shown: str = ""
    tools: tuple[Path, ...] = ()
    need: IndexNeed = NO_NEED
    programs: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildJob:
    """What one service has to have run, known as a whole before the first command.

    `root` is what the commands work on and all that is taken from a place: the exported source
    in `source/`, copies of functions for their dependencies beside it. `scratch` is the place's
    own; nothing of it is packaged. `test_setup` installs what the test imports.
    """

    service: Service
    builds: Builds
    root: Path
    scratch: Path
    build: tuple[BuildStep, ...] = ()
    test: BuildStep | None = None
    test_setup: tuple[BuildStep, ...] = ()


class Place(Protocol):
    """Where commands run that nobody may have reviewed."""

    name: ClassVar[str]
    """The word for it in [builds] where."""
    holds: ClassVar[bool]
    """Whether code that nobody has reviewed may run in it."""

    def lacking(self, builds: Builds, programs: Iterable[str]) -> list[str]:
        """Return those of some programs that commands would not find, as far as that is known."""

    def build(self, job: BuildJob) -> None:
        """Run the build's commands one after another; then `root` is as they left it.

        Nothing that they have started runs any more. Raises BuildFailedError with the last
        lines of the command that failed, UnreachableError for a place that did not answer.
        """

    def test(self, job: BuildJob) -> None:
        """Run the job's test, after `build` and packaging; what it changes is taken nowhere.

        What it imports is installed first, with the network of a build. A place that has tested
        together with the build tells here how that ended. Raises as `build` does.
        """

    def inspect(self, job: BuildJob, step: BuildStep) -> None:
        """Run a program of Tiercel's own that reads what the repository wrote.

        It has no network. Raises as `build` does.
        """


def require_programs(place: Place, job: BuildJob) -> None:
    """Raise ConfigurationError, with their names, if the build's commands lack programs."""
    for step in job.build:
        lacking = place.lacking(job.builds, step.programs)
        if lacking:
            raise ConfigurationError(
                "build.tool_missing",
                f"there is no {' and no '.join(lacking)} where builds run",
                where=step.shown or " ".join(step.command),
                state="nothing was built",
                remedy="install it on the worker, below /usr or in a folder of `tools` of [builds]"
                " that is in the worker's PATH; or let builds run in CodeBuild",
            )


def announce_step(job: BuildJob, step: BuildStep) -> None:
    """Say in the run's log what is run next."""
    run_logger().info("%s: %s", job.service.name, step.shown or " ".join(step.command))
