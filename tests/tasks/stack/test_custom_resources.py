from __future__ import annotations

from typing import Any

import pytest

from tests.tasks import aws_fixtures
from tests.tasks.faults import Faults, error, once
from tests.tasks.stacks import Workshop
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.stack.states import StackStatus
from tiercel.tasks.stack.causes import find_causes
from tiercel.tasks.stack.waiting.operation import wait_for_stack

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults

pytestmark = pytest.mark.usefixtures("aws")

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
ANSWERS = """
import http.client, json
from urllib.parse import urlsplit
def handler(event, context):
    url = urlsplit(event["ResponseURL"])
    assert url.scheme == "https"
    answer = {"Status": "SUCCESS", "PhysicalResourceId": "one", "Data": {"Word": "hello"}}
    connection = http.client.HTTPSConnection(url.netloc)
    connection.request("PUT", f"{url.path}?{url.query}", json.dumps(answer))
    assert connection.getresponse().status == 200
"""
MODULE = """
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Word": "hello"}, "one")
"""
IN_NODE = """
const response = require("cfn-response");
exports.handler = async (event, context) => {
  await response.send(event, context, response.SUCCESS, { Word: "hello" }, "one");
};
"""
SILENT = """
def handler(event, context):
    print("looking for the queue \\x1b[2J")
    raise KeyError("QUEUE")
"""


@pytest.fixture
def workshop(runtime: Access, preprod: Names) -> Workshop:
    return Workshop(runtime, preprod)


def custom(names: Names, code: str, runtime: str = "python3.12") -> dict[str, Any]:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": TRUST,
            "PermissionsBoundary": names.boundary_arn,
        },
    }
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Handler": "index.handler",
            "Runtime": runtime,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": code},
        },
    }
    made = {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "ServiceTimeout": 1}
    return {
        "Resources": {
            "Role": role,
            "Function": function,
            "Made": {"Type": "Custom::Made", "Properties": made},
        },
        "Outputs": {"Word": {"Value": {"Fn::GetAtt": ["Made", "Word"]}}},
    }


@pytest.mark.parametrize(
    ("code", "language"),
    [(ANSWERS, "python3.12"), (MODULE, "python3.12"), (IN_NODE, "nodejs22.x")],
    ids=["own code", "cfnresponse", "cfn-response"],
)
def test_a_custom_resource_answers_by_https(
    workshop: Workshop, preprod: Names, code: str, language: str
) -> None:
    stack = workshop.finish(workshop.name(), custom(preprod, code, language))

    assert stack.status is StackStatus.CREATE_COMPLETE
    assert stack.outputs == {"Word": "hello"}


def test_a_custom_resource_that_never_answers_fails_with_the_last_lines_of_its_function(
    faults: Faults, runtime: Access, workshop: Workshop, preprod: Names
) -> None:
    name = workshop.name()
    workshop.start(name, custom(preprod, SILENT))
    ended, events = wait_for_stack.fn(runtime, name, "test", is_new=True)

    (cause,) = find_causes.fn(runtime, name, events)

    assert ended.status is StackStatus.ROLLBACK_COMPLETE
    assert (cause.logical_id, cause.resource_type) == ("Made", "Custom::Made")
    assert "did not receive a response" in cause.reason
    assert any("looking for the queue" in line for line in cause.log)
    assert any("KeyError" in line for line in cause.log)
    assert all(line.isprintable() for line in cause.log)
    faults.inject(once("logs", "FilterLogEvents", **error("AccessDeniedException", 400)))
    (cause,) = find_causes.fn(runtime, name, events)
    assert "cannot be read: AccessDeniedException" in cause.log[0]
