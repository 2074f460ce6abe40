from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.support import caller
from tiercel.sandbox.lifecycle import Sandbox

LOGS = {"cloudWatchLogs": {"status": "ENABLED", "groupName": "/aws/codebuild/mine"}}


@pytest.fixture
def codebuild(box: Sandbox) -> Any:
    return caller(box, "preprod-infrastructure-root").client("codebuild")


@pytest.fixture
def project(codebuild: Any) -> Iterator[dict[str, Any]]:
    created = codebuild.create_project(
        name=f"test-{uuid.uuid4().hex[:8]}",
        source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole="arn:aws:iam::111111111111:role/acme-preprod-builder",
        logsConfig=LOGS,
    )["project"]
    yield created
    codebuild.delete_project(name=created["arn"])
    assert codebuild.batch_get_projects(names=[created["name"]])["projects"] == []


def test_a_project_has_what_it_was_given_and_the_default_queue_time(
    codebuild: Any, project: dict[str, Any]
) -> None:
    found = codebuild.batch_get_projects(names=[project["arn"]])["projects"][0]
    assert project["logsConfig"] == found["logsConfig"] == LOGS
    assert found["queuedTimeoutInMinutes"] == 480
    assert "more" not in found


def test_an_update_by_arn_changes_what_it_names_and_keeps_the_rest(
    codebuild: Any, project: dict[str, Any]
) -> None:
    changed = codebuild.update_project(name=project["arn"], queuedTimeoutInMinutes=5)["project"]
    assert changed["queuedTimeoutInMinutes"] == 5
    assert changed["logsConfig"] == LOGS


def test_another_accounts_arn_finds_nothing(codebuild: Any, project: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        codebuild.delete_project(name=project["arn"].replace("111111111111", "222222222222"))
