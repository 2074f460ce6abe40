"""A deployment group that no stack has made, and deployments of it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.sandbox.support import Caller, caller, eventually, zipped
from tiercel.sandbox.lifecycle import Sandbox


@pytest.fixture(scope="module")
def root(box: Sandbox) -> Caller:
    return caller(box, "preprod-runtime-root")


def target(client: Any, deployment: str) -> dict[str, Any]:
    listed = client.list_deployment_targets(deploymentId=deployment)["targetIds"]
    told = client.get_deployment_target(deploymentId=deployment, targetId=listed[0])
    found = told["deploymentTarget"]["lambdaTarget"]
    events = {one["lifecycleEventName"]: one["status"] for one in found["lifecycleEvents"]}
    return {"weight": found["lambdaFunctionInfo"]["targetVersionWeight"], "events": events}


@pytest.fixture(scope="module")
def group(root: Caller) -> dict[str, str]:
    """Return a group of a function with two versions and an alias, all made by hand."""
    name = "by-hand-" + uuid.uuid4().hex[:8]
    functions = root.client("lambda")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": ["codedeploy.amazonaws.com", "lambda.amazonaws.com"]},
    }
    document = {"Version": "2012-10-17", "Statement": [trust | {"Action": "sts:AssumeRole"}]}
    iam = root.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]
    iam.attach_role_policy(
        RoleName=name,
        PolicyArn="arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda",
    )
    for text in ("one", "two"):
        body = {"ZipFile": zipped(app=f'def handler(event, context):\n    return "{text}"\n')}
        if text == "one":
            functions.create_function(
                FunctionName=name,
                Runtime="python3.11",
                Handler="app.handler",
                Role=role["Arn"],
                Code=body,
            )
        else:
            functions.update_function_code(FunctionName=name, **body)
        functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client = root.client("codedeploy")
    client.create_application(applicationName=name, computePlatform="Lambda")
    client.create_deployment_config(
        deploymentConfigName=name,
        computePlatform="Lambda",
        trafficRoutingConfig={
            "type": "TimeBasedCanary",
            "timeBasedCanary": {"canaryPercentage": 30, "canaryInterval": 2880},
        },
    )
    client.create_deployment_group(
        applicationName=name,
        deploymentGroupName=name,
        deploymentConfigName=name,
        serviceRoleArn=role["Arn"],
    )
    return {"applicationName": name, "deploymentGroupName": name}


def started(root: Caller, group: dict[str, str], current: str = "1", target: str = "2") -> str:
    name = group["applicationName"]
    versions = {"CurrentVersion": current, "TargetVersion": target}
    what = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Name": name, "Alias": "live"} | versions,
    }
    content = json.dumps({"version": 0.0, "Resources": [{"f": what}]})
    return str(
        root.client("codedeploy").create_deployment(
            **group,
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
        )["deploymentId"]
    )


def ended(root: Caller, deployment: str) -> dict[str, Any]:
    client = root.client("codedeploy")

    def found() -> dict[str, Any] | None:
        info: dict[str, Any] = client.get_deployment(deploymentId=deployment)["deploymentInfo"]
        return None if info["status"] == "InProgress" else info

    told: dict[str, Any] = eventually(found)
    return told
