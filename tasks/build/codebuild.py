"""The place `codebuild`: in a project of the environment's InfrastructureAccount.

One build does all of a service's commands. It gets one address for its source and one for its
result, each for this build alone; its role may write its log and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any, ClassVar

import uv

from tiercel.domain.artifact.buildspec import (
    ARM,
    BuildCommand,
    build_minutes,
    buildspec,
    machine_for,
    runtime_versions,
)
from tiercel.domain.artifact.remote_builds import failure_of_build, next_attempt
from tiercel.domain.base.digests import canonical_json, sha256_hex
from tiercel.domain.base.errors import ConfigurationError, TiercelError
from tiercel.domain.base.text import printable
from tiercel.domain.organization.access import BuildProject
from tiercel.domain.organization.topology import Builds
from tiercel.domain.template.assets import Asset, find_assets
from tiercel.tasks.aws.codebuild import (
    BuildFiles,
    FollowedBuild,
    newest_builds,
    start_build,
    variables_of,
)
from tiercel.tasks.build.here import Here
from tiercel.tasks.build.isolated import Isolated
from tiercel.tasks.build.isolation.availability import can_isolate
from tiercel.tasks.build.isolation.namespace import interpreter
from tiercel.tasks.build.job import BuildJob, BuildStep
from tiercel.tasks.build.tarballs import MAX_RESULT_BYTES, pack_folder, unpack_untrusted
from tiercel.tasks.engine.folders import remove_tree
from tiercel.tasks.engine.task import run_logger
from tiercel.tasks.source.files import FolderFiles
from tiercel.tasks.source.templates import complete_template

_LIBRARY = "aws-lambda-builders"
_NAME_DIGITS = 32
_LONGEST_LINE = 2_000


class CodeBuild:
    """Runs commands in CodeBuild, out of reach of the worker and of every other build."""

    name: ClassVar[str] = "codebuild"
    holds: ClassVar[bool] = True

    def __init__(self, project: BuildProject | None) -> None:
        self._in = project
        self._test_failure: TiercelError | None = None
        self.image = ""
        """The image that the build ran in, once it has."""

    @property
    def _project(self) -> BuildProject:
        if self._in is None:
            raise ConfigurationError(
                "build.no_project",
                "there is no CodeBuild project for this build",
                where="builds.where",
                state="nothing was called",
                remedy="start it by a flow of an environment",
            )
        return self._in

    def lacking(self, builds: Builds, programs: Iterable[str]) -> list[str]:
        """See Place. What its image brings is not known here."""
        del builds, programs
        return []

    def build(self, job: BuildJob) -> None:
        """See Place. A test runs in the same build, after its result was put away."""
        test = (*job.test_setup, job.test) if job.test and self._project.tests else ()
        if not job.build and not test:
            return
        files, followed = self._begun(job, test)
        ended = followed.await_end()
        self.image = ended.image
        lines = [printable(line, _LONGEST_LINE) for line in followed.last]
        failure = failure_of_build(ended, lines)
        archive = job.scratch / "result.tar.gz"
        there = (not failure or test) and files.download_result(archive, MAX_RESULT_BYTES)
        if failure and not there:
            raise failure
        unpack_untrusted(archive, job.scratch / "result", f"the result of build {ended.id}")
        remove_tree(job.root)
        (job.scratch / "result").rename(job.root)
        self._test_failure = failure_of_build(ended, lines, tested=True)

    def test(self, job: BuildJob) -> None:
        """See Place. It has run with the build: a build of CodeBuild has one network for all."""
        if job.test and self._test_failure:
            raise self._test_failure

    def inspect(self, job: BuildJob, step: BuildStep) -> None:
        """See Place. Programs of ours are on the worker, isolated where that can be had."""
        place = Isolated() if can_isolate() else Here()
        place.inspect(job, step)

    def _begun(self, job: BuildJob, test: Sequence[BuildStep]) -> tuple[BuildFiles, FollowedBuild]:
        """Return the build that an attempt before this one has started, or start one.

        It is known by its run, its commands and the bytes of its source.
        """
        passed_on = {
            key: os.environ[key] for key in job.builds.pass_environment if key in os.environ
        }
        overrides = _overrides(job, test, passed_on)
        source = job.scratch / "source.tar.gz"
        asked = [self._project.run, self._project.name, overrides["buildspecOverride"]]
        name = sha256_hex(canonical_json([*asked, pack_folder(job.root, source)]))[:_NAME_DIGITS]
        attempt = next_attempt(name, newest_builds(self._project))
        files = BuildFiles(self._project, f"{name}-{attempt.number}")
        build, how = attempt.build, "goes on with build"
        if build is None:
            files.upload_source(source)
            variables = variables_of(name, passed_on | files.addresses())
            overrides["environmentVariablesOverride"] = variables
            build, how = start_build(self._project, files.name, overrides), "build"
        source.unlink()
        run_logger().info("%s: %s %s", job.service.name, how, build.id)

        def tell(line: str) -> None:
            run_logger().info("%s: %s", job.service.name, line)

        return files, FollowedBuild(self._project, build, tell)


def _overrides(
    job: BuildJob, test: Sequence[BuildStep], passed_on: Collection[str]
) -> dict[str, Any]:
    """Return what of a project is other for one build: all that it runs, and on what."""
    functions = _functions(job)
    machine = machine_for(one.architecture for one in functions if one.architecture)
    steps = [*job.build, *test]
    builders = [f"{_LIBRARY}=={metadata.version(_LIBRARY)}"]
    overrides: dict[str, Any] = {
        "sourceTypeOverride": "NO_SOURCE",
        "buildspecOverride": buildspec(
            [_command(step) for step in job.build],
            [_command(step) for step in test],
            runtime_versions(one.runtime or one.build_method for one in functions),
            job.builds.timeout_seconds,
            passed_on,
            [f"uv=={metadata.version('uv')}", *(builders if any(map(_builds, steps)) else ())],
        ),
        "timeoutInMinutesOverride": build_minutes(len(steps), job.builds.timeout_seconds),
    }
    if machine == ARM:
        overrides |= {"environmentTypeOverride": machine.type, "imageOverride": machine.image}
    return overrides


def _functions(job: BuildJob) -> tuple[Asset, ...]:
    """Return the functions and layers of the template; a build may yet have to make it."""
    path = PurePosixPath(job.service.template_path)
    files = FolderFiles(job.root / "source")
    try:
        return find_assets(complete_template(files.read_template, path), str(path))
    except TiercelError:
        return ()  # packaging says what is wrong with it


def _builds(step: BuildStep) -> bool:
    """Tell whether a step is a script of ours, which calls AWS's library."""
    return step.command[0] == str(interpreter())


def _command(step: BuildStep) -> BuildCommand:
    """Return a step as a command for another machine, which has its own uv."""
    names = {uv.find_uv_bin(): "uv", str(interpreter()): "python3"}
    return BuildCommand([names.get(word, word) for word in step.command], step.folder)
