"""Traffic that shifts while a stack is updated, against the sandbox's CodeDeploy."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.patience import PATIENCE_SECONDS
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import root
from tests.tasks.stacks import Workshop
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.traffic.shifts import Shift, TakenBackBy
from tiercel.tasks.stack.waiting.operation import wait_for_stack
from tiercel.tasks.stack.waiting.shift_causes import explain_shift
from tiercel.tasks.stack.waiting.shifts import read_running_shifts, read_shifts, stop_shift

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def workshop(runtime: Access, preprod: Names) -> Workshop:
    return Workshop(runtime, preprod)


def role(names: Names, service: str, *policies: str) -> dict[str, Any]:
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": f"{service}.amazonaws.com"},
    }
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "ManagedPolicyArns": [f"arn:aws:iam::aws:policy/service-role/{one}" for one in policies],
        "PermissionsBoundary": names.boundary_arn,
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def half(minutes: int) -> str:
    """Return the name of a configuration of half and all, which an administrator made before."""
    name = f"half-for-{minutes}"
    canary: dict[str, Any] = {"canaryPercentage": 50, "canaryInterval": minutes}
    with suppress(ClientError):  # an earlier test made it
        root("runtime", "codedeploy").create_deployment_config(
            deploymentConfigName=name,
            computePlatform="Lambda",
            trafficRoutingConfig={"type": "TimeBasedCanary", "timeBasedCanary": canary},
        )
    return name


def shifting(names: Names, version: int, minutes: int) -> dict[str, Any]:
    """Return a stack in plain CloudFormation whose function's alias shifts by half."""
    group = {
        "ApplicationName": {"Ref": "Application"},
        "DeploymentConfigName": half(minutes),
        "ServiceRoleArn": {"Fn::GetAtt": ["Shifter", "Arn"]},
        "AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": {"Ref": "Loud"}}]},
        "AutoRollbackConfiguration": {
            "Enabled": True,
            "Events": [
                "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST",
            ],
        },
        "DeploymentStyle": {
            "DeploymentType": "BLUE_GREEN",
            "DeploymentOption": "WITH_TRAFFIC_CONTROL",
        },
    }  # fmt: skip
    alarm = {
        "Namespace": "Shop",
        "MetricName": "Refused",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 2,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    function = {
        "Handler": "index.handler",
        "Runtime": "python3.12",
        "Role": {"Fn::GetAtt": ["Runner", "Arn"]},
        "Code": {"ZipFile": f"def handler(event, context):\n    return {version}\n"},
    }
    alias = {
        "FunctionName": {"Ref": "Function"},
        "FunctionVersion": {"Fn::GetAtt": [f"Version{version}", "Version"]},
        "Name": "live",
    }
    update = {
        "ApplicationName": {"Ref": "Application"},
        "DeploymentGroupName": {"Ref": "Group"},
    }
    return {
        "Resources": {
            "Runner": role(names, "lambda"),
            "Shifter": role(names, "codedeploy", "AWSCodeDeployRoleForLambda"),
            "Application": {
                "Type": "AWS::CodeDeploy::Application",
                "Properties": {"ComputePlatform": "Lambda"},
            },
            "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": group},
            "Loud": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            f"Version{version}": {
                "Type": "AWS::Lambda::Version",
                "DeletionPolicy": "Retain",
                "Properties": {"FunctionName": {"Ref": "Function"}},
            },
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "Properties": alias,
                "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": update},
            },
        },
        "Outputs": {"Alarm": {"Value": {"Ref": "Loud"}}},
    }


def with_half(access: Access, stack: str) -> Shift:
    """Return the shift once the new version has its first share."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = read_shifts.fn(access, stack)
        if found and found[-1].percent:
            return found[-1]
        time.sleep(0.05)
    raise AssertionError("nothing shifts")


def test_a_shift_is_told_as_it_goes_and_read_when_it_is_over(
    workshop: Workshop, runtime: Access, preprod: Names, caplog: pytest.LogCaptureFixture
) -> None:
    name = workshop.name()
    made = workshop.finish(name, shifting(preprod, 1, 1))
    assert made.status is StackStatus.CREATE_COMPLETE
    assert read_shifts.fn(runtime, name) == []

    caplog.set_level(logging.INFO)
    updated = workshop.finish(name, shifting(preprod, 2, 1), release=2)
    assert updated.status is StackStatus.UPDATE_COMPLETE
    (shift,) = read_shifts.fn(runtime, name)
    assert (shift.status, shift.percent, shift.alias) == ("Succeeded", 100, "live")
    assert (shift.old_version, shift.new_version) == ("1", "2")
    assert shift.began
    assert shift.ended
    assert read_shifts.fn(runtime, name, shift.ended) == []
    assert f"{shift.deployment}: version 2 has 50 % of the traffic" in caplog.text
    assert f"{shift.deployment}: Succeeded" in caplog.text


def test_who_stops_a_shift_and_which_alarm_does_is_known_afterwards(
    workshop: Workshop, runtime: Access, preprod: Names
) -> None:
    name = workshop.name()
    alarm = workshop.finish(name, shifting(preprod, 1, 60)).outputs["Alarm"]

    workshop.start(name, shifting(preprod, 2, 60), release=2)
    stopped = with_half(runtime, name)
    (running,) = read_running_shifts.fn(runtime, name)
    assert running.deployment == stopped.deployment
    assert stop_shift.fn(runtime, stopped.deployment)
    ended, _ = wait_for_stack.fn(runtime, name, "test")
    assert ended.status is StackStatus.UPDATE_ROLLBACK_COMPLETE
    assert not stop_shift.fn(runtime, stopped.deployment)
    by_hand, back = read_shifts.fn(runtime, name)
    assert (by_hand.taken_back_by, by_hand.percent) == (TakenBackBy.PERSON, 50)
    assert (by_hand.rollback, back.took_back) == (back.deployment, by_hand.deployment)
    assert read_shifts.fn(runtime, name, most=1) == [back]
    assert read_running_shifts.fn(runtime, name) == []

    workshop.start(name, shifting(preprod, 3, 60), release=3)
    with_half(runtime, name)
    root("runtime", "cloudwatch").set_alarm_state(
        AlarmName=alarm, StateValue="ALARM", StateReason="5 is more than 2"
    )
    ended, _ = wait_for_stack.fn(runtime, name, "test")
    assert ended.status is StackStatus.UPDATE_ROLLBACK_COMPLETE
    loud = read_shifts.fn(runtime, name, by_hand.ended)[-2]
    assert loud.taken_back_by is TakenBackBy.ALARM
    ((seen,), log) = explain_shift.fn(runtime, loud)
    assert (seen.name, seen.metric) == (alarm, "Shop Refused")
    assert seen.threshold == "GreaterThanThreshold 2"
    assert "5 is more than 2" in seen.reason
    assert log == ()
