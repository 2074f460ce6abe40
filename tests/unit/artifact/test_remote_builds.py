from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.artifact.remote_builds import (
    Attempt,
    RemoteBuild,
    failure_of_build,
    next_attempt,
    remote_build,
)


def answer(
    status: str, *phases: tuple[str, str], name: str = "mine", **more: Any
) -> dict[str, Any]:
    context = [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit status 1"}]
    return {
        "id": "project:1",
        "buildStatus": status,
        "buildComplete": status != "IN_PROGRESS",
        "environment": {
            "image": "an-image",
            "environmentVariables": [{"name": "BUILD_NAME", "value": name}],
        },
        "logs": {"groupName": "group", "streamName": "stream"},
        "phases": [
            {"phaseType": kind, "phaseStatus": how, "contexts": context} for kind, how in phases
        ],
    } | more


def build(status: str, *phases: tuple[str, str], name: str = "mine") -> RemoteBuild:
    return remote_build(answer(status, *phases, name=name))


def test_a_build_is_read_from_what_codebuild_answers() -> None:
    found = build("FAILED", ("INSTALL", "SUCCEEDED"), ("BUILD", "FAILED"), ("POST_BUILD", "FAILED"))
    assert found == RemoteBuild(
        "project:1", "mine", "FAILED", True, "an-image", "group", "stream", "BUILD",
        "COMMAND_EXECUTION_ERROR: exit status 1",
    )  # fmt: skip


def test_a_build_that_has_just_been_started_has_neither_phases_nor_a_log() -> None:
    found = remote_build({"id": "project:1", "buildStatus": "IN_PROGRESS"})
    assert (found.complete, found.log_stream, found.failed_phase) == (False, "", "")


@pytest.mark.parametrize(
    ("status", "phase", "code", "transient"),
    [
        ("FAULT", "PROVISIONING", "codebuild.fault", True),
        ("STOPPED", "BUILD", "codebuild.stopped", False),
        ("TIMED_OUT", "BUILD", "codebuild.timed_out", False),
        ("FAILED", "BUILD", "codebuild.command_failed", False),
        ("FAILED", "INSTALL", "codebuild.not_prepared", False),
        ("FAILED", "PRE_BUILD", "codebuild.not_prepared", False),
        ("FAILED", "DOWNLOAD_SOURCE", "codebuild.not_prepared", False),
    ],
)
def test_each_end_of_a_build_has_a_code_of_its_own(
    status: str, phase: str, code: str, transient: bool
) -> None:
    failure = failure_of_build(build(status, (phase, status)), ["the last line"])
    assert failure
    assert (failure.code, failure.transient) == (code, transient)
    assert failure.where == "CodeBuild build project:1"


def test_a_build_that_succeeded_has_no_failure_and_a_test_that_failed_is_told_apart() -> None:
    assert failure_of_build(build("SUCCEEDED"), []) is None
    tested = failure_of_build(build("FAILED", ("BUILD", "FAILED")), ["assert"], tested=True)
    assert tested
    assert tested.code == "codebuild.test_failed"


@pytest.mark.parametrize(
    ("builds", "attempt"),
    [
        ([], Attempt(0)),
        ([build("SUCCEEDED", name="other")], Attempt(0)),
        ([build("IN_PROGRESS")], Attempt(0, build("IN_PROGRESS"))),
        ([build("SUCCEEDED")], Attempt(0, build("SUCCEEDED"))),
        ([build("FAILED")], Attempt(0, build("FAILED"))),
        ([build("FAULT")], Attempt(1)),
        ([build("STOPPED"), build("FAULT")], Attempt(2)),
        ([build("IN_PROGRESS"), build("FAULT")], Attempt(1, build("IN_PROGRESS"))),
    ],
)
def test_a_run_goes_on_with_its_own_build_or_starts_the_next(
    builds: list[RemoteBuild], attempt: Attempt
) -> None:
    assert next_attempt("mine", builds) == attempt
