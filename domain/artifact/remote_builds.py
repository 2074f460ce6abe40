"""A build in CodeBuild as a value, and what its end means.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiercel.domain.artifact.buildspec import NAME_VARIABLE
from tiercel.domain.base.errors import (
    BuildFailedError,
    TiercelError,
    TransientError,
    UnreachableError,
)

_GONE = frozenset({"FAULT", "STOPPED", "TIMED_OUT"})
_COMMANDS = "BUILD"


@dataclass(frozen=True)
class RemoteBuild:
    """What CodeBuild says of one build. `failed_phase` is the first that failed, or empty.

    `name` is what it was called when it was started, so that it is found again.
    """

    id: str
    name: str
    status: str
    complete: bool
    image: str
    log_group: str
    log_stream: str
    failed_phase: str = ""
    why: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether all of its commands ended well."""
        return self.status == "SUCCEEDED"


def remote_build(answer: Mapping[str, Any]) -> RemoteBuild:
    """Return a build of BatchGetBuilds's or StartBuild's answer."""
    environment = answer.get("environment") or {}
    variables = environment.get("environmentVariables") or ()
    logs = answer.get("logs") or {}
    failed = [one for one in answer.get("phases") or () if _has_failed(one)]
    contexts = [context for one in failed[:1] for context in one.get("contexts") or ()]
    return RemoteBuild(
        id=answer["id"],
        name=next((one["value"] for one in variables if one["name"] == NAME_VARIABLE), ""),
        status=answer["buildStatus"],
        complete=bool(answer.get("buildComplete")),
        image=environment.get("image", ""),
        log_group=logs.get("groupName", ""),
        log_stream=logs.get("streamName", ""),
        failed_phase=failed[0]["phaseType"] if failed else "",
        why="; ".join(f"{one.get('statusCode')}: {one.get('message')}" for one in contexts),
    )


def _has_failed(phase: Mapping[str, Any]) -> bool:
    return phase.get("phaseStatus", "SUCCEEDED") not in ("SUCCEEDED", "IN_PROGRESS")


@dataclass(frozen=True)
class Attempt:
    """The build of a name that a run goes on with, or the number of the one that it starts."""

    number: int
    build: RemoteBuild | None = None


def next_attempt(name: str, newest_first: Sequence[RemoteBuild]) -> Attempt:
    """Return what a run does about its build, from the builds that the project has had.

    A run that was killed goes on with the build that it had started, also one that has ended:
    to repeat it would give the same. One that CodeBuild or a person ended is begun anew.
    """
    own = [one for one in newest_first if one.name == name]
    if not own or own[0].status in _GONE:
        return Attempt(len(own))
    return Attempt(len(own) - 1, own[0])


def failure_of_build(
    build: RemoteBuild, lines: Sequence[str], *, tested: bool = False
) -> TiercelError | None:
    """Return how a build failed that has ended, None if it did not; `lines` are its last.

    `tested` says that only the test was left: what was built is there.
    """
    where = f"CodeBuild build {build.id}"
    if build.succeeded:
        return None
    if build.status == "FAULT":
        return TransientError(
            "codebuild.fault",
            "CodeBuild failed itself",
            where=where,
            why=build.why,
            state="nothing was uploaded or deployed",
            remedy="run it again",
        )
    if build.status == "STOPPED":
        return UnreachableError(
            "codebuild.stopped",
            "somebody stopped the build in CodeBuild",
            where=where,
            state="nothing was uploaded or deployed",
            remedy="run it again",
        )
    if build.status == "TIMED_OUT":
        return BuildFailedError(
            "codebuild.timed_out",
            "the build took too long",
            where=where,
            why="\n".join(lines),
            state="nothing was uploaded or deployed",
            remedy="make it quicker; builds.timeout_seconds is for each command, and a build in "
            "CodeBuild may take less than an hour in all",
        )
    if build.failed_phase == _COMMANDS:
        return _failed_command(build, lines, tested=tested)
    return UnreachableError(
        "codebuild.not_prepared",
        "CodeBuild could not prepare the build",
        where=where,
        why="\n".join([f"phase {build.failed_phase or 'unknown'}: {build.why}", *lines]),
        state="nothing was uploaded or deployed",
        remedy="see the build's log: it needs its image, the runtimes of the template, S3 and, to "
        "install uv, a package index",
    )


def _failed_command(build: RemoteBuild, lines: Sequence[str], *, tested: bool) -> TiercelError:
    where = f"CodeBuild build {build.id}"
    why = "\n".join([*build.why.splitlines()[:1], *lines])
    if tested:
        return BuildFailedError(
            "codebuild.test_failed",
            "the tests failed",
            where=where,
            why=why,
            state="nothing was uploaded or deployed",
            remedy="run the tests in the service's folder on your machine and correct them",
        )
    return BuildFailedError(
        "codebuild.command_failed",
        "a build command failed",
        where=where,
        why=why,
        state="nothing was uploaded or deployed",
        remedy="run the command in the service's folder on your machine and correct it",
    )
