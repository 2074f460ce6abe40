"""CodeDeploy in the sandbox: shifts, hooks, alarms and rollbacks, from stacks and by themselves."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox import codedeploy_by_hand
from tests.sandbox.codedeploy_by_hand import ended, started, target
from tests.sandbox.support import (
    PREPROD,
    Caller,
    deploy,
    deployer,
    eventually,
    outputs,
    reasons,
    rest,
    staged,
    zipped,
)
from tiercel.domain.organization.names import Role
from tiercel.sandbox.lifecycle import Sandbox

root = codedeploy_by_hand.root
group = codedeploy_by_hand.group

HOOK = """
import boto3, os
def handler(event, context):
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=os.environ["SAYS"],
    )
"""
REPORTS = {
    "Effect": "Allow",
    "Action": "codedeploy:PutLifecycleEventHookExecutionStatus",
    "Resource": "*",
}


@pytest.fixture(scope="module")
def who(box: Sandbox) -> Caller:
    return deployer(box, PREPROD)


def answer(who: Caller, text: str) -> dict[str, str]:
    return staged(who, zipped(app=f'def handler(event, context):\n    return "{text}"\n'))


def hook(who: Caller, name: str, says: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "FunctionName": f"CodeDeployHook_{name}",
            "Handler": "app.handler",
            "Runtime": "python3.11",
            "CodeUri": staged(who, zipped(app=HOOK)),
            "PermissionsBoundary": PREPROD.boundary_arn,
            "Timeout": 30,
            "Environment": {"Variables": {"SAYS": says}},
            "DeploymentPreference": {"Enabled": False},
            "Policies": [{"Version": "2012-10-17", "Statement": [REPORTS]}],
        },
    }


def template(code: dict[str, str], preference: Any, **more: Any) -> dict[str, Any]:
    """Return a stack with one function whose alias `live` shifts, as SAM's users write it."""
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "codedeploy.amazonaws.com"},
    }
    role = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "ManagedPolicyArns": [
            "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"
        ],
        "PermissionsBoundary": PREPROD.boundary_arn,
    }
    function = {
        "Handler": "app.handler",
        "Runtime": "python3.11",
        "CodeUri": code,
        "PermissionsBoundary": PREPROD.boundary_arn,
        "AutoPublishAlias": "live",
        "DeploymentPreference": preference | {"Role": {"Fn::GetAtt": ["Shifter", "Arn"]}},
    }
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Shifter": {"Type": "AWS::IAM::Role", "Properties": role},
            "Answer": {"Type": "AWS::Serverless::Function", "Properties": function},
            **more,
        },
        "Outputs": {
            "Alias": {"Value": {"Ref": "Answer.Alias"}},
            "Application": {"Value": {"Ref": "ServerlessDeploymentApplication"}},
            "Group": {"Value": {"Ref": "AnswerDeploymentGroup"}},
        },
    }


def stack_name() -> str:
    return PREPROD.prefix + "test-" + uuid.uuid4().hex[:8]


def invoke(who: Caller, alias: str) -> Any:
    return json.loads(who.client("lambda").invoke(FunctionName=alias)["Payload"].read())


def start_update(who: Caller, stack: str, body: dict[str, Any]) -> None:
    client, name = who.client("cloudformation"), "change-" + uuid.uuid4().hex[:8]
    client.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType="UPDATE",
        RoleARN=PREPROD.role_arn(Role.CLOUDFORMATION),
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        TemplateBody=json.dumps(body),
    )
    eventually(
        lambda: (
            client.describe_change_set(StackName=stack, ChangeSetName=name)["Status"]
            == "CREATE_COMPLETE"
        )
    )
    client.execute_change_set(StackName=stack, ChangeSetName=name)


def under_way(root: Caller, made: dict[str, str]) -> str:
    """Return the deployment of the group once it has shifted something."""
    client = root.client("codedeploy")
    names = {"applicationName": made["Application"], "deploymentGroupName": made["Group"]}

    def found() -> str:
        listed = client.list_deployments(**names, includeOnlyStatuses=["InProgress"])["deployments"]
        return listed[0] if listed and target(client, listed[0])["weight"] else ""

    return str(eventually(found))


def test_a_canary_shifts_by_its_weights_between_two_hooks(who: Caller, root: Caller) -> None:
    stack, name = stack_name(), uuid.uuid4().hex[:8]
    hooks = {"PreTraffic": {"Ref": "Before"}, "PostTraffic": {"Ref": "After"}}
    preference = {"Type": "Canary10Percent5Minutes", "Hooks": hooks}
    more = {"Before": hook(who, name, "Succeeded"), "After": hook(who, name + "a", "Succeeded")}
    made = outputs(deploy(who, stack, template(answer(who, "one"), preference, **more)))
    assert root.client("codedeploy").list_deployments()["deployments"] == []

    start_update(who, stack, template(answer(who, "two"), preference, **more))
    deployment = under_way(root, made)
    alias = made["Alias"].rpartition(":")[0]
    weighted = root.client("lambda").get_alias(FunctionName=alias, Name="live")
    assert (weighted["FunctionVersion"], weighted["RoutingConfig"]) == (
        "1", {"AdditionalVersionWeights": {"2": 0.1}},
    )  # fmt: skip
    assert rest(who, stack)["StackStatus"] == "UPDATE_COMPLETE"

    client = root.client("codedeploy")
    assert client.get_deployment(deploymentId=deployment)["deploymentInfo"]["status"] == "Succeeded"
    assert target(client, deployment) == {
        "weight": 1.0,
        "events": dict.fromkeys(
            ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"), "Succeeded"
        ),
    }
    whole = root.client("lambda").get_alias(FunctionName=alias, Name="live")
    assert whole["FunctionVersion"] == "2"
    assert "RoutingConfig" not in whole
    assert invoke(root, made["Alias"]) == "two"


def test_an_alarm_takes_the_traffic_back_and_the_stack_with_it(who: Caller, root: Caller) -> None:
    stack, code = stack_name(), answer(who, "one")
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": "Answer"}}],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        },
    }
    preference = {"Type": "Linear10PercentEvery1Minute", "Alarms": [{"Ref": "Loud"}]}
    made = outputs(deploy(who, stack, template(code, preference, Loud=alarm)))
    start_update(who, stack, template(answer(who, "two"), preference, Loud=alarm))
    deployment = under_way(root, made)
    client = root.client("codedeploy")
    group = client.get_deployment_group(
        applicationName=made["Application"], deploymentGroupName=made["Group"]
    )["deploymentGroupInfo"]
    name = group["alarmConfiguration"]["alarms"][0]["name"]
    root.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="3 errors are more than 1"
    )

    assert rest(who, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    told = reasons(who, stack)
    assert f"{deployment} failed. One or more alarms" in told
    assert f"Activated alarms: <{name}>" in told
    info = client.get_deployment(deploymentId=deployment)["deploymentInfo"]
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    back = info["rollbackInfo"]["rollbackDeploymentId"]
    assert client.get_deployment(deploymentId=back)["deploymentInfo"]["status"] == "Succeeded"
    events = target(client, deployment)["events"]
    assert (events["AllowTraffic"], events["AfterAllowTraffic"]) == ("Failed", "Skipped")
    function = made["Alias"].rpartition(":")[0]
    alias = root.client("lambda").get_alias(FunctionName=function, Name="live")
    assert (alias["FunctionVersion"], "RoutingConfig" in alias) == ("1", False)


def test_a_hook_that_fails_gives_no_traffic_at_all(who: Caller, root: Caller) -> None:
    stack, name = stack_name(), uuid.uuid4().hex[:8]
    preference = {"Type": "AllAtOnce", "Hooks": {"PreTraffic": {"Ref": "Before"}}}
    made = outputs(
        deploy(
            who, stack, template(answer(who, "one"), preference, Before=hook(who, name, "Failed"))
        )
    )
    start_update(
        who, stack, template(answer(who, "two"), preference, Before=hook(who, name, "Failed"))
    )
    assert rest(who, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    client = root.client("codedeploy")
    newest = client.list_deployments(
        applicationName=made["Application"],
        deploymentGroupName=made["Group"],
        includeOnlyStatuses=["Failed"],
    )["deployments"]
    events = target(client, newest[0])["events"]
    assert events["BeforeAllowTraffic"] == "Failed"
    assert events["AllowTraffic"] == "Skipped"
    assert invoke(root, made["Alias"]) == "one"


def test_invocations_follow_the_weight_and_a_stop_takes_all_back(
    root: Caller, group: dict[str, str]
) -> None:
    deployment, client = started(root, group), root.client("codedeploy")
    eventually(lambda: target(client, deployment)["weight"])
    with pytest.raises(ClientError) as refused:
        started(root, group)
    assert refused.value.response["Error"]["Code"] == "DeploymentLimitExceededException"

    alias = f"{group['applicationName']}:live"
    functions = root.client("lambda")

    def answers(times: int) -> Counter[str]:
        told = (functions.invoke(FunctionName=alias)["Payload"].read() for _ in range(times))
        return Counter(json.loads(one) for one in told)

    counted = answers(200)
    assert abs(counted["two"] / 200 - 0.3) < 0.12  # nearly four standard deviations

    client.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    info = ended(root, deployment)
    assert (info["status"], info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    ended(root, info["rollbackInfo"]["rollbackDeploymentId"])
    assert answers(50) == {"one": 50}
    with pytest.raises(ClientError) as refused:
        client.stop_deployment(deploymentId=deployment)
    assert refused.value.response["Error"]["Code"] == "DeploymentAlreadyCompletedException"


def test_an_alias_that_is_not_as_the_revision_says_is_refused(
    root: Caller, group: dict[str, str]
) -> None:
    info = ended(root, started(root, group, current="2", target="1"))
    assert info["status"] == "Failed"
    assert info["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION"
