"""Builds of CodeBuild in the sandbox: they run, and everything told has AWS's own shape."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import botocore.session
import psutil
import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, Shape, StructureShape

from tests.sandbox.support import PREPROD, PROD, caller, orchestrator
from tests.support.patience import PATIENCE_SECONDS
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.build.isolation.availability import can_isolate

ALL_PHASES = [
    *("SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD"),
    *("BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED"),
]


@pytest.fixture(scope="module")
def root(box: Sandbox) -> Any:
    return caller(box, "preprod-infrastructure-root")


@pytest.fixture(scope="module")
def codebuild(root: Any) -> Any:
    return root.client("codebuild")


@pytest.fixture(scope="module")
def project(codebuild: Any) -> Iterator[str]:
    name = f"acme-preprod-test-{uuid.uuid4().hex[:8]}"
    codebuild.create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole="arn:aws:iam::111111111111:role/acme-preprod-builder",
        logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": f"/aws/codebuild/{name}"}},
    )
    yield name
    codebuild.delete_project(name=name)


def spec(**phases: list[str]) -> str:
    return json.dumps(
        {"version": 0.2, "phases": {name: {"commands": some} for name, some in phases.items()}}
    )


def start(codebuild: Any, project: str, buildspec: str, **more: Any) -> dict[str, Any]:
    build: dict[str, Any] = codebuild.start_build(
        projectName=project, buildspecOverride=buildspec, **more
    )["build"]
    return build


def ended(codebuild: Any, build: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        (found,) = codebuild.batch_get_builds(ids=[build])["builds"]
        if found["buildComplete"]:
            return dict(found)
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def lines(root: Any, build: dict[str, Any]) -> list[str]:
    logs = root.client("logs")
    told = logs.get_log_events(
        logGroupName=build["logs"]["groupName"],
        logStreamName=build["logs"]["streamName"],
        startFromHead=True,
    )
    return [one["message"] for one in told["events"]]


def unlike(shape: Shape, value: Any, where: str = "build") -> Iterator[str]:
    """Where a value is not what botocore's model of the service says."""
    if isinstance(shape, StructureShape):
        for key, one in value.items():
            if key not in shape.members:
                yield f"{where}.{key} is in no model"
                continue
            yield from unlike(shape.members[key], one, f"{where}.{key}")
    elif isinstance(shape, ListShape):
        for one in value:
            yield from unlike(shape.member, one, f"{where}[]")
    elif shape.type_name == "string" and getattr(shape, "enum", ()) and value not in shape.enum:
        yield f"{where} is {value!r}"


def test_a_build_runs_its_phases_in_one_shell_and_its_log_is_in_cloudwatch(
    root: Any, codebuild: Any, project: str
) -> None:
    build = start(
        codebuild,
        project,
        spec(
            install=["export KEPT=kept; cd /tmp"],
            pre_build=["echo $KEPT in $(pwd)"],
            build=["echo of $CODEBUILD_BUILD_ID with $MINE"],
        ),
        environmentVariablesOverride=[{"name": "MINE", "value": "my own"}],
        imageOverride="aws/codebuild/amazonlinux-aarch64-standard:3.0",
        environmentTypeOverride="ARM_CONTAINER",
    )
    assert (build["buildStatus"], build["buildComplete"]) == ("IN_PROGRESS", False)

    done = ended(codebuild, build["id"])

    assert done["buildStatus"] == "SUCCEEDED"
    assert [one["phaseType"] for one in done["phases"]] == ALL_PHASES
    assert done["environment"]["type"] == "ARM_CONTAINER"
    told = lines(root, done)
    assert "kept in /tmp\n" in told
    assert f"of {build['id']} with my own\n" in told
    assert [one for one in told if "Phase complete: BUILD State: SUCCEEDED" in one]
    model = botocore.session.get_session().get_service_model("codebuild")
    shape = model.operation_model("BatchGetBuilds").output_shape.members["builds"].member
    assert list(unlike(shape, done)) == []


@pytest.mark.parametrize(
    ("phases", "failed", "last"),
    [
        ({"install": ["false"], "build": ["true"]}, "INSTALL", "FINALIZING"),
        ({"pre_build": ["false"], "build": ["true"]}, "PRE_BUILD", "FINALIZING"),
        ({"build": ["false", "echo no"], "post_build": ["true"]}, "BUILD", "POST_BUILD"),
    ],
)
def test_a_command_that_fails_ends_its_phase_and_says_which_it_was(
    root: Any, codebuild: Any, project: str, phases: dict[str, list[str]], failed: str, last: str
) -> None:
    done = ended(codebuild, start(codebuild, project, spec(**phases))["id"])

    assert done["buildStatus"] == "FAILED"
    by_name = {one["phaseType"]: one for one in done["phases"]}
    assert by_name[failed]["phaseStatus"] == "FAILED"
    assert by_name[failed]["contexts"] == [
        {
            "statusCode": "COMMAND_EXECUTION_ERROR",
            "message": "Error while executing command: false. Reason: exit status 1",
        }
    ]
    assert last in by_name
    assert ("BUILD" in by_name) is (failed == "BUILD")
    assert "no\n" not in lines(root, done)


@pytest.mark.parametrize(
    "buildspec",
    ["", "]", '{"version": 0.2, "phases": {"install": {"runtime-versions": {"a": 1}}}}'],
)
def test_a_buildspec_that_cannot_be_read_fails_before_anything_runs(
    codebuild: Any, project: str, buildspec: str
) -> None:
    done = ended(codebuild, start(codebuild, project, buildspec)["id"])
    assert done["buildStatus"] == "FAILED"
    (context,) = done["phases"][3]["contexts"]
    assert (done["phases"][3]["phaseType"], context["statusCode"]) == (
        "DOWNLOAD_SOURCE",
        "YAML_FILE_ERROR",
    )


def test_a_build_that_is_stopped_ends_with_all_that_it_started(
    codebuild: Any, project: str
) -> None:
    build = start(codebuild, project, spec(build=["sleep 30 & echo started; sleep 30"]))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not [one for one in codebuild.batch_get_builds(ids=[build["id"]])["builds"]
               if one["currentPhase"] == "BUILD"]:  # fmt: skip
        assert time.monotonic() < deadline
    stopped = codebuild.stop_build(id=build["id"])["build"]

    assert (stopped["buildStatus"], stopped["buildComplete"]) == ("STOPPED", True)
    done = ended(codebuild, build["id"])
    assert done["phases"][-2]["phaseStatus"] == "STOPPED"
    assert codebuild.stop_build(id=build["id"])["build"]["buildStatus"] == "STOPPED"


def test_the_same_token_gives_the_same_build_and_other_parameters_are_refused(
    codebuild: Any, project: str
) -> None:
    first = start(codebuild, project, spec(build=["true"]), idempotencyToken="once")
    again = start(codebuild, project, spec(build=["true"]), idempotencyToken="once")
    assert again["id"] == first["id"]
    with pytest.raises(ClientError) as refused:
        start(codebuild, project, spec(build=["false"]), idempotencyToken="once")
    assert refused.value.response["Error"]["Code"] == "InvalidInputException"


def test_builds_of_a_project_belong_to_who_may_use_the_project(
    box: Sandbox, codebuild: Any, project: str
) -> None:
    build = start(codebuild, project, spec(build=["true"]))["id"]
    own = orchestrator(box, PREPROD).client("codebuild")
    assert ended(own, build)["buildStatus"] == "SUCCEEDED"
    other = orchestrator(box, PROD).client("codebuild")
    with pytest.raises(ClientError) as refused:
        other.batch_get_builds(ids=[build])
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    with pytest.raises(ClientError) as refused:
        own.stop_build(id="another:1")
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


@pytest.mark.skipif(not can_isolate(), reason="no namespaces here")
def test_a_build_sees_its_own_folder_and_processes_and_nothing_that_it_started_outlives_it(
    box: Sandbox, root: Any, codebuild: Any, project: str
) -> None:
    theirs = box.credentials_file.parent
    look = f"echo begin; ls {theirs} /root /home 2>&1; echo end"
    left = f"setsid sh -c 'while :; do sleep 0.1; touch {theirs}/left; done' &"
    done = ended(codebuild, start(codebuild, project, spec(build=[look, left]))["id"])

    told = lines(root, done)
    seen = told[told.index("begin\n") + 1 : told.index("end\n")]
    assert len(seen) == 3
    assert all("No such file or directory" in one for one in seen)
    assert done["buildStatus"] == "SUCCEEDED"
    running = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    assert [one for one in running if f"touch {theirs}/left" in one] == []
