from __future__ import annotations

from typing import Any

import pytest
from ministack.services.cloudformation import provisioners

from tiercel.sandbox.aws.corrections.stacks.operation import Handler, Operation, StackPlace
from tiercel.sandbox.aws.corrections.stacks.resource_calls import calls_of, is_known
from tiercel.tasks.stack.service_role import published_handlers

PLACE = StackPlace("222222222222", "eu-central-1")
HERE = "eu-central-1:222222222222"
BOUNDARY = "arn:aws:iam::222222222222:policy/acme-preprod-boundary"
OWN_ROLE = "arn:aws:iam::222222222222:role/acme-preprod-x"


def calls(
    step: Handler,
    kind: str,
    after: dict[str, Any],
    before: dict[str, Any] | None = None,
    **more: str,
) -> dict[str, str]:
    """Return the resource of each call, by its action or actions."""
    handlers = published_handlers("us-east-1", [kind]).get(kind, {})
    operation = Operation(
        step, kind, "acme-preprod-shop", "Thing", after, PLACE, before=before or {}, **more
    )
    assert is_known(operation, handlers)
    return {" ".join(one.actions): one.resource for one in calls_of(operation, handlers)}


@pytest.mark.parametrize(
    ("kind", "properties", "expected"),
    [
        (
            "AWS::SQS::Queue",
            {},
            {"sqs:CreateQueue": f"arn:aws:sqs:{HERE}:acme-preprod-shop-Thing-000000000000"},
        ),
        (
            "AWS::SNS::Topic",
            {"TopicName": "news"},
            {"sns:CreateTopic": f"arn:aws:sns:{HERE}:news"},
        ),
        (
            "AWS::DynamoDB::Table",
            {"TableName": "orders", "TimeToLiveSpecification": {"Enabled": True}},
            {
                "dynamodb:CreateTable": f"arn:aws:dynamodb:{HERE}:table/orders",
                "dynamodb:UpdateTimeToLive": f"arn:aws:dynamodb:{HERE}:table/orders",
            },
        ),
        (
            "AWS::S3::Bucket",
            {"VersioningConfiguration": {"Status": "Enabled"}},
            {
                "s3:CreateBucket": "arn:aws:s3:::acme-preprod-shop-thing-000000000000",
                "s3:PutBucketVersioning": "arn:aws:s3:::acme-preprod-shop-thing-000000000000",
            },
        ),
        (
            "AWS::Lambda::Function",
            {"FunctionName": "f", "Role": OWN_ROLE, "Code": {"S3Bucket": "b", "S3Key": "k"}},
            {
                "lambda:CreateFunction": f"arn:aws:lambda:{HERE}:function:f",
                "iam:PassRole": OWN_ROLE,
                "s3:GetObject": "arn:aws:s3:::b/k",
            },
        ),
        (
            "AWS::Lambda::Alias",
            {"FunctionName": "f", "Name": "live"},
            {"lambda:CreateAlias": f"arn:aws:lambda:{HERE}:function:f"},
        ),
        (
            "AWS::Lambda::EventSourceMapping",
            {"FunctionName": "f"},
            {"lambda:CreateEventSourceMapping": "*"},
        ),
        (
            "AWS::IAM::Role",
            {"RoleName": "r", "Policies": [{}], "ManagedPolicyArns": ["arn:aws:iam::aws:policy/X"]},
            {
                "iam:CreateRole": "arn:aws:iam::222222222222:role/r",
                "iam:PutRolePolicy": "arn:aws:iam::222222222222:role/r",
                "iam:AttachRolePolicy": "arn:aws:iam::222222222222:role/r",
            },
        ),
        (
            "AWS::IAM::Policy",
            {"Roles": ["r"]},
            {"iam:PutRolePolicy": "arn:aws:iam::222222222222:role/r"},
        ),
        (
            "AWS::Logs::LogGroup",
            {"LogGroupName": "/aws/lambda/f", "RetentionInDays": 7},
            {
                "logs:CreateLogGroup": f"arn:aws:logs:{HERE}:log-group:/aws/lambda/f:*",
                "logs:PutRetentionPolicy": f"arn:aws:logs:{HERE}:log-group:/aws/lambda/f:*",
            },
        ),
        (
            "AWS::ApiGatewayV2::Stage",
            {"ApiId": "abc"},
            {"apigateway:POST": "arn:aws:apigateway:eu-central-1::/apis/abc/stages"},
        ),
        ("AWS::EC2::VPC", {}, {"ec2:CreateVpc": ""}),
        ("AWS::CloudFormation::WaitConditionHandle", {}, {}),
        ("Custom::Thing", {"ServiceToken": "arn:f"}, {"lambda:InvokeFunction": "arn:f"}),
        ("Custom::Thing", {"ServiceToken": "arn:aws:sns:t"}, {"sns:Publish": "arn:aws:sns:t"}),
    ],
)
def test_creating_a_resource_calls(
    kind: str, properties: dict[str, Any], expected: dict[str, str]
) -> None:
    assert calls(Handler.CREATE, kind, properties) == expected


@pytest.mark.parametrize(
    ("kind", "before", "after", "expected"),
    [
        ("AWS::Lambda::Function", {"Timeout": 3}, {"Timeout": 5}, "UpdateFunctionConfiguration"),
        ("AWS::Lambda::Function", {"Code": {}}, {"Code": {"ZipFile": "x"}}, "UpdateFunctionCode"),
        ("AWS::DynamoDB::Table", {}, {"TimeToLiveSpecification": {"X": 1}}, "UpdateTimeToLive"),
        ("AWS::SQS::Queue", {}, {"VisibilityTimeout": 9}, "SetQueueAttributes"),
        ("AWS::IAM::Role", {"Policies": [1]}, {}, "DeleteRolePolicy"),
        ("AWS::IAM::Role", {}, {"PermissionsBoundary": BOUNDARY}, "PutRolePermissionsBoundary"),
        ("AWS::IAM::Role", {"PermissionsBoundary": BOUNDARY}, {}, "DeleteRolePermissionsBoundary"),
        ("AWS::Lambda::Permission", {"FunctionName": "f"}, {"FunctionName": "g"}, "AddPermission"),
        ("AWS::SQS::Queue", {}, {"Tags": [{"Key": "team", "Value": "x"}]}, "TagQueue"),
        ("AWS::SQS::Queue", {}, {"Tags": [{"Key": "aws:stack", "Value": "x"}]}, ""),
    ],
)
def test_updating_a_resource_calls(
    kind: str, before: dict[str, Any], after: dict[str, Any], expected: str
) -> None:
    made = calls(Handler.UPDATE, kind, after, before, physical_id="thing")
    assert [action.partition(":")[2] for action in made] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("kind", "properties", "identifier", "expected"),
    [
        (
            "AWS::SQS::Queue",
            {},
            "https://sqs.eu-central-1.amazonaws.com/222222222222/q",
            {"sqs:DeleteQueue": f"arn:aws:sqs:{HERE}:q"},
        ),
        (
            "AWS::IAM::Role",
            {"Policies": [{}], "ManagedPolicyArns": ["arn:p"], "PermissionsBoundary": BOUNDARY},
            "r",
            {
                "iam:DeleteRolePolicy": "arn:aws:iam::222222222222:role/r",
                "iam:DetachRolePolicy": "arn:aws:iam::222222222222:role/r",
                "iam:DeleteRole": "arn:aws:iam::222222222222:role/r",
            },
        ),
        (
            "AWS::Lambda::Function",
            {"Role": OWN_ROLE},
            "f",
            {"lambda:DeleteFunction": f"arn:aws:lambda:{HERE}:function:f"},
        ),
        (
            "AWS::KMS::Key",
            {},
            "1",
            {"kms:ScheduleKeyDeletion": f"arn:aws:kms:{HERE}:key/1"},
        ),
    ],
)
def test_deleting_a_resource_calls(
    kind: str, properties: dict[str, Any], identifier: str, expected: dict[str, str]
) -> None:
    assert calls(Handler.DELETE, kind, properties, physical_id=identifier) == expected


def test_a_role_is_made_with_the_boundary_of_its_template() -> None:
    handlers = published_handlers("us-east-1", ["AWS::IAM::Role"])["AWS::IAM::Role"]
    properties = {"PermissionsBoundary": BOUNDARY, "Policies": [{}]}
    operation = Operation(Handler.CREATE, "AWS::IAM::Role", "s", "R", properties, PLACE)
    contexts = [dict(one.context) for one in calls_of(operation, handlers)]
    assert contexts == [{"iam:PermissionsBoundary": BOUNDARY}] * 2


def test_of_a_type_without_published_permissions_nothing_is_known() -> None:
    operation = Operation(Handler.CREATE, "Alexa::ASK::Skill", "s", "P", {}, PLACE)
    assert published_handlers("us-east-1", [operation.resource_type]) == {}
    assert not is_known(operation, {})


# These make nothing that anybody could be refused.
ASK_NOBODY = {
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
}


@pytest.mark.parametrize("kind", sorted(provisioners._RESOURCE_HANDLERS))
def test_nothing_is_made_without_asking_whether_the_service_role_may(kind: str) -> None:
    handlers = published_handlers("us-east-1", [kind]).get(kind, {})
    given = {"Roles": ["acme-preprod-x"]} if kind == "AWS::IAM::Policy" else {}
    operation = Operation(Handler.CREATE, kind, "acme-preprod-shop", "Thing", given, PLACE)
    asked = calls_of(operation, handlers)
    # What is unknown is refused before anything is asked.
    assert bool(asked) == (kind not in ASK_NOBODY and is_known(operation, handlers))


@pytest.mark.parametrize(
    ("kind", "properties", "arn"),
    [
        ("AWS::Kinesis::Stream", {"Name": "s"}, f"arn:aws:kinesis:{HERE}:stream/s"),
        (
            "AWS::KinesisFirehose::DeliveryStream",
            {"DeliveryStreamName": "s"},
            f"arn:aws:firehose:{HERE}:deliverystream/s",
        ),
        ("AWS::DynamoDB::GlobalTable", {"TableName": "t"}, f"arn:aws:dynamodb:{HERE}:table/t"),
        ("AWS::IAM::Group", {"GroupName": "g"}, "arn:aws:iam::222222222222:group/g"),
        ("AWS::Athena::WorkGroup", {"Name": "w"}, f"arn:aws:athena:{HERE}:workgroup/w"),
        ("AWS::Cognito::UserPool", {}, "*"),
    ],
)
def test_a_resource_that_its_name_tells_is_what_the_service_role_is_asked_about(
    kind: str, properties: dict[str, str], arn: str
) -> None:
    made = calls(Handler.CREATE, kind, properties)
    assert arn in made.values()
