"""What is measured of functions, and that an alarm sees its own metric alone."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.sandbox.support import Caller, caller, zipped
from tiercel.sandbox.lifecycle import Sandbox

CODE = """
def handler(event, context):
    if event.get("raise"):
        raise ValueError(context.function_version)
    return context.function_version
"""


@pytest.fixture(scope="module")
def root(box: Sandbox) -> Caller:
    return caller(box, "preprod-runtime-root")


def function(root: Caller) -> str:
    """Return a function that fails when it is asked to, with two versions and an alias `live`."""
    name, functions = "measured-" + uuid.uuid4().hex[:8], root.client("lambda")
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = root.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="app.handler",
        Role=role["Arn"],
        Code={"ZipFile": zipped(app=CODE)},
        Publish=True,
    )
    functions.update_function_code(
        FunctionName=name, ZipFile=zipped(app=CODE + "# two\n"), Publish=True
    )
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return name


def alarm(root: Caller, **dimensions: str) -> str:
    name = "errors-" + uuid.uuid4().hex[:8]
    root.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    return name


def loud(root: Caller, *alarms: str) -> set[str]:
    told = root.client("cloudwatch").describe_alarms(AlarmNames=alarms)["MetricAlarms"]
    return {one["AlarmName"] for one in told if one["StateValue"] == "ALARM"}


def fail(root: Caller, function: str) -> None:
    answer = root.client("lambda").invoke(FunctionName=function, Payload=b'{"raise": true}')
    assert "FunctionError" in answer


def test_an_alarm_sees_the_metric_with_its_own_dimensions_and_no_other(root: Caller) -> None:
    mine, other = function(root), function(root)
    resource = {"FunctionName": mine, "Resource": f"{mine}:live"}
    of_mine = alarm(root, FunctionName=mine)
    of_other = alarm(root, FunctionName=other)
    of_alias = alarm(root, **resource)
    of_one, of_two = (alarm(root, **resource, ExecutedVersion=version) for version in "12")
    of_all = alarm(root)
    alarms = (of_mine, of_other, of_alias, of_one, of_two, of_all)

    fail(root, other)
    assert loud(root, *alarms) == {of_other, of_all}
    fail(root, mine)
    assert loud(root, *alarms) == {of_mine, of_other, of_all}
    fail(root, f"{mine}:live")
    assert loud(root, *alarms) == {*alarms} - {of_two}
    root.client("lambda").update_alias(
        FunctionName=mine,
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.99999}},
    )
    fail(root, f"{mine}:live")
    assert loud(root, *alarms) == {*alarms}
