"""What the AWS CLI says of CodeDeploy in the sandbox: its own code, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from awscli.clidriver import create_clidriver

from tests.sandbox import codedeploy_by_hand
from tests.sandbox.codedeploy_by_hand import ended, started, target
from tests.sandbox.support import Caller, eventually
from tiercel.sandbox.lifecycle import Sandbox

root = codedeploy_by_hand.root
group = codedeploy_by_hand.group

Deploy = Callable[..., Any]


@pytest.fixture
def deploy(box: Sandbox, capsys: pytest.CaptureFixture[str]) -> Deploy:
    """Return `aws deploy` as a function that answers what the command prints."""

    def run(*arguments: str) -> Any:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in box.environ("preprod-runtime-root").items():
                patch.setenv(name, value)
            code = create_clidriver().main(["deploy", *arguments, "--output", "json"])
        told = capsys.readouterr()
        assert code == 0, told.err
        return json.loads(told.out)

    return run


def test_the_command_line_lists_shows_and_stops_what_shifts(
    deploy: Deploy, root: Caller, group: dict[str, str]
) -> None:
    deployment = started(root, group)
    eventually(lambda: target(root.client("codedeploy"), deployment)["weight"])
    name = group["applicationName"]
    of_group = ("--application-name", name, "--deployment-group-name", name)

    assert name in deploy("list-applications")["applications"]
    listed = deploy("list-deployment-groups", "--application-name", name)
    assert listed["deploymentGroups"] == [name]
    assert deployment in deploy("list-deployments", "--max-items", "5")["deployments"]
    running = deploy("list-deployments", *of_group, "--include-only-statuses", "InProgress")
    assert running["deployments"] == [deployment]

    info = deploy("get-deployment", "--deployment-id", deployment)["deploymentInfo"]
    assert (info["status"], info["computePlatform"]) == ("InProgress", "Lambda")
    both = deploy("batch-get-deployments", "--deployment-ids", deployment)
    assert both["deploymentsInfo"] == [info]
    shown = deploy("get-deployment-group", *of_group)["deploymentGroupInfo"]
    assert shown["lastAttemptedDeployment"]["deploymentId"] == deployment
    several = deploy(
        "batch-get-deployment-groups", "--application-name", name, "--deployment-group-names", name
    )
    assert several["deploymentGroupsInfo"] == [shown]
    ids = deploy("list-deployment-targets", "--deployment-id", deployment)["targetIds"]
    targets = deploy(
        "batch-get-deployment-targets", "--deployment-id", deployment, "--target-ids", *ids
    )
    function = targets["deploymentTargets"][0]["lambdaTarget"]["lambdaFunctionInfo"]
    assert function["targetVersionWeight"] == 0.3
    config = deploy("get-deployment-config", "--deployment-config-name", name)
    assert config["deploymentConfigInfo"]["trafficRoutingConfig"]["type"] == "TimeBasedCanary"

    stop = deploy("stop-deployment", "--deployment-id", deployment, "--auto-rollback-enabled")
    assert stop["status"] == "Pending"
    assert ended(root, deployment)["errorInformation"]["code"] == "MANUAL_STOP"
