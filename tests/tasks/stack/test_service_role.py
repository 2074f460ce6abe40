from __future__ import annotations

import json

import pytest

from tests.support.commands import invoke
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.organization.stack_rules import StackRules
from tiercel.domain.stack.needed_actions import lacking_actions
from tiercel.domain.stack.plan import Change
from tiercel.tasks.stack.service_role import published_handlers, service_role_policies

REGION = "eu-central-1"


def test_a_types_handlers_are_read_from_what_aws_publishes() -> None:
    handlers = published_handlers(REGION, ["AWS::SQS::Queue"])["AWS::SQS::Queue"]
    assert "sqs:CreateQueue" in handlers["create"]
    assert "sqs:GetQueueAttributes" in handlers["read"]
    assert "sqs:SetQueueAttributes" in handlers["update"]
    assert "sqs:DeleteQueue" in handlers["delete"]


def test_types_without_published_handlers_are_left_out() -> None:
    unknown = ["AWS::No::Such", "Custom::Seed", "AWS::CloudFormation::WaitCondition", "../x", ""]
    assert published_handlers(REGION, unknown) == {}


def test_a_region_that_is_newer_than_the_schemas_has_the_usual_types() -> None:
    assert published_handlers("mars-north-1", ["AWS::SQS::Queue"])


def test_the_command_drafts_a_fragment_from_what_is_published() -> None:
    code, said, errors = invoke("config", "fragment", "AWS::DMS::Endpoint", "--region", REGION)
    assert code == ExitCode.OK, errors
    (manage,) = json.loads(said)["manage"]
    assert "dms:CreateEndpoint" in manage["Action"]
    code, said, errors = invoke("config", "fragment", "AWS::DMS::Endpoint", "AWS::SQS::Queue")
    assert (code, said) == (ExitCode.REFUSED, "")
    assert "fragment.not_drafted" in errors
    code, said, errors = invoke("config", "fragment", "AWS::DMS::Endpoint", "--region", "garbage")
    assert (code, said) == (ExitCode.REFUSED, "")
    assert "fragment.no_region" in errors


def test_what_is_no_action_is_left_out() -> None:
    kind = "AWS::CloudFormation::ResourceDefaultVersion"
    handlers = published_handlers("us-east-1", [kind])[kind]
    assert handlers["create"]
    assert all(":" in action for actions in handlers.values() for action in actions)


def test_the_service_role_is_judged_by_the_policies_from_which_it_is_made() -> None:
    role = service_role_policies(StackRules())
    assert role.could_allow("sqs:CreateQueue")
    assert role.could_allow("iam:CreateRole")
    assert not role.could_allow("iam:CreateUser")
    assert role.forbids("iam:DeleteRolePermissionsBoundary")


@pytest.mark.parametrize(
    "kind",
    [
        "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api", "AWS::CloudFormation::Stack",
        "AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table", "AWS::Events::Rule", "AWS::IAM::Role",
        "AWS::KMS::Key", "AWS::Lambda::Alias", "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup", "AWS::Pipes::Pipe", "AWS::S3::Bucket", "AWS::SNS::Subscription",
        "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::SSM::Parameter", "AWS::Scheduler::Schedule",
        "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine",
        "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::AppSync::GraphQLApi",
        "AWS::CodeDeploy::DeploymentGroup", "AWS::Cognito::UserPool", "AWS::Cognito::IdentityPool",
        "AWS::EventSchemas::Schema", "AWS::Kinesis::Stream", "AWS::KinesisFirehose::DeliveryStream",
    ],
)  # fmt: skip
@pytest.mark.parametrize("action", ["Add", "Modify"])
def test_no_type_that_the_role_is_for_is_refused(kind: str, action: str) -> None:
    one = Change(action=action, logical_id="X", resource_type=kind, properties=("Name",))
    check = lacking_actions(
        [one], published_handlers(REGION, [kind]), service_role_policies(StackRules())
    )
    assert check.unknown == ()
    assert [lack.certain for lack in check.lacks if lack.certain] == []


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("AWS::RDS::DBInstance", "rds:CreateDBInstance"),
        ("AWS::EC2::VPC", "ec2:CreateVpc"),
        ("AWS::IAM::ManagedPolicy", "iam:CreatePolicy"),
        ("AWS::EC2::Instance", "ec2:RunInstances"),
        ("AWS::IAM::User", "iam:CreateUser"),
        ("AWS::ECS::TaskDefinition", "ecs:RegisterTaskDefinition"),
    ],
)
def test_a_type_that_the_role_is_not_for_is_refused(kind: str, action: str) -> None:
    one = Change(action="Add", logical_id="X", resource_type=kind)
    check = lacking_actions(
        [one], published_handlers(REGION, [kind]), service_role_policies(StackRules())
    )
    assert action in check.lacks[0].certain
