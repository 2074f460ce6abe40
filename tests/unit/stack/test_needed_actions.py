from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.stack.needed_actions import (
    Handlers,
    Lack,
    RoleCheck,
    lacking_actions,
    needed_actions,
    refused_for_lack,
)
from tiercel.domain.stack.plan import Change
from tiercel.domain.stack.policy_evaluation import RolePolicies

# What AWS publishes, shortened by hand to what a case is about.
PUBLISHED: dict[str, Handlers] = {
    "AWS::SQS::Queue": {
        "create": ("sqs:CreateQueue", "sqs:GetQueueAttributes", "sqs:TagQueue"),
        "read": ("sqs:GetQueueAttributes",),
        "update": ("sqs:SetQueueAttributes", "sqs:TagQueue"),
        "delete": ("sqs:DeleteQueue",),
    },
    "AWS::DynamoDB::Table": {
        "create": ("dynamodb:CreateTable", "dynamodb:UpdateTimeToLive", "kms:CreateGrant"),
        "read": ("dynamodb:DescribeTable",),
        "update": ("dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive"),
        "delete": ("dynamodb:DeleteTable",),
    },
    "AWS::Lambda::Function": {
        "create": ("lambda:CreateFunction", "iam:PassRole", "ec2:DescribeVpcs"),
        "read": ("lambda:GetFunction",),
        "update": ("lambda:UpdateFunctionCode", "iam:PassRole", "ec2:DescribeVpcs"),
        "delete": ("lambda:DeleteFunction",),
    },
    "AWS::IAM::Role": {
        "create": ("iam:CreateRole", "iam:PutRolePolicy"),
        "read": ("iam:GetRole",),
        "update": ("iam:UpdateRole", "iam:DeleteRolePermissionsBoundary"),
        "delete": ("iam:DeleteRole",),
    },
    "AWS::S3::Bucket": {
        "create": ("s3:CreateBucket", "s3tables:CreateTable"),
        "read": ("s3:GetBucketTagging",),
        "update": ("s3:PutBucketTagging",),
        "delete": ("s3:DeleteBucket",),
    },
    "AWS::StepFunctions::StateMachine": {
        "create": ("states:CreateStateMachine", "states:DescribeStateMachine", "iam:PassRole"),
        "delete": ("states:DeleteStateMachine",),
    },
    "AWS::EC2::Instance": {
        "create": ("ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"),
        "delete": ("ec2:TerminateInstances",),
    },
    "AWS::EC2::VPCCidrBlock": {
        "create": ("ec2:AssociateVpcCidrBlock", "ec2:AllocateIpamPoolCidr"),
        "delete": ("ec2:DisassociateVpcCidrBlock",),
    },
    "AWS::ApiGatewayV2::VpcLink": {
        "create": ("iam:CreateServiceLinkedRole", "iam:GetRole", "apigateway:POST"),
        "delete": ("iam:GetRole", "apigateway:DELETE"),
    },
    "AWS::DirectoryService::SimpleAD": {
        "create": ("ds:CreateDirectory", "ec2:CreateSecurityGroup", "ec2:CreateTags"),
        "delete": ("ds:DeleteDirectory",),
    },
    "AWS::Lambda::Permission": {"create": ("lambda:AddPermission",)},
}


def role(*actions: str, denied: str = "") -> RolePolicies:
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": list(actions), "Resource": "arn:aws:x:::acme-*"}
    ]
    if denied:
        statements.append({"Effect": "Deny", "Action": denied, "Resource": "*"})
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    return RolePolicies(identity={"Statement": statements}, boundary=everything)


def change(action: str, kind: str, *properties: str, **more: str) -> Change:
    return Change(
        action=action, logical_id="Thing", resource_type=kind, properties=properties, **more
    )


def lack(one: Change, having: RolePolicies) -> Lack | None:
    check = lacking_actions([one], PUBLISHED, having)
    assert check.unknown == ()
    return check.lacks[0] if check.lacks else None


def test_a_role_that_has_everything_lacks_nothing() -> None:
    assert lack(change("Add", "AWS::SQS::Queue"), role("sqs:*")) is None


def test_a_queue_cannot_be_made_without_the_action_that_is_named_after_it() -> None:
    found = lack(change("Add", "AWS::SQS::Queue"), role("sqs:GetQueueAttributes"))
    assert found
    assert found.certain == ("sqs:CreateQueue",)
    assert found.possible == ("sqs:TagQueue",)


def test_the_time_to_live_of_a_table_may_be_needed_and_is_not_certain() -> None:
    having = role("dynamodb:*Table", "kms:*")
    for one in (
        change("Add", "AWS::DynamoDB::Table"),
        change("Modify", "AWS::DynamoDB::Table", "TimeToLiveSpecification"),
    ):
        found = lack(one, having)
        assert found
        assert found.certain == ()
        assert found.possible == ("dynamodb:UpdateTimeToLive",)


def test_a_function_seldom_needs_what_other_services_have() -> None:
    found = lack(change("Add", "AWS::Lambda::Function"), role("lambda:*", "iam:PassRole"))
    assert found == Lack(
        logical_id="Thing", resource_type="AWS::Lambda::Function", seldom=("ec2:DescribeVpcs",)
    )


def test_a_function_lacks_the_passing_of_its_role_without_certainty() -> None:
    found = lack(change("Add", "AWS::Lambda::Function"), role("lambda:*", "ec2:*"))
    assert found
    assert found.seldom == ("iam:PassRole",)
    assert found.certain == found.possible == ()


def test_what_the_boundary_forbids_on_purpose_is_no_finding_at_each_change_of_a_role() -> None:
    changed = change("Modify", "AWS::IAM::Role", "Policies")
    found = lack(changed, role("iam:*", denied="iam:DeleteRolePermissionsBoundary"))
    assert found
    assert found.certain == found.possible == ()
    assert found.seldom == ("iam:DeleteRolePermissionsBoundary",)


def test_a_boundary_takes_away_what_the_policy_gives() -> None:
    wide = role("s3:*", "s3tables:*")
    narrow = RolePolicies(
        identity=wide.identity,
        boundary={"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}},
    )
    found = lack(change("Add", "AWS::S3::Bucket"), narrow)
    assert found
    assert found.certain == ("s3:CreateBucket",)
    assert found.seldom == ("s3tables:CreateTable",)


def test_a_type_without_published_handlers_is_unknown_neither_good_nor_bad() -> None:
    check = lacking_actions(
        [change("Add", "Custom::Seed"), change("Remove", "AWS::SQS::Queue")], PUBLISHED, role()
    )
    assert check.unknown == ("Custom::Seed",)
    assert [one.resource_type for one in check.lacks] == ["AWS::SQS::Queue"]


def test_a_replaced_resource_is_created_and_deleted_and_not_updated() -> None:
    replaced = change("Modify", "AWS::SQS::Queue", "FifoQueue", replacement="True")
    found = lack(replaced, role("sqs:Get*", "sqs:TagQueue"))
    assert found
    assert found.certain == ("sqs:CreateQueue",)
    assert found.possible == ("sqs:DeleteQueue",)


def test_one_that_may_be_replaced_needs_all_of_it_and_nothing_is_certain() -> None:
    perhaps = change("Modify", "AWS::SQS::Queue", "QueueName", replacement="Conditional")
    found = lack(perhaps, role())
    assert found
    assert found.certain == ()
    assert set(found.possible) == {
        "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes",
        "sqs:TagQueue",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "needed"),
    [
        (change("Remove", "AWS::SQS::Queue"), {"sqs:DeleteQueue", "sqs:GetQueueAttributes"}),
        (change("Remove", "AWS::SQS::Queue", policy_action="Retain"), set()),
        (change("Remove", "AWS::SQS::Queue", policy_action="RetainExceptOnCreate"), set()),
        (
            change(
                "Modify", "AWS::S3::Bucket", replacement="True", policy_action="ReplaceAndRetain"
            ),
            {"s3:CreateBucket", "s3tables:CreateTable", "s3:GetBucketTagging"},
        ),
        (change("Modify", "AWS::SQS::Queue", "Metadata", "DeletionPolicy"), set()),
        (change("Import", "AWS::S3::Bucket"), {"s3:GetBucketTagging", "s3:PutBucketTagging"}),
    ],
)
def test_what_a_change_needs_follows_from_what_it_does(one: Change, needed: set[str]) -> None:
    assert needed_actions(one, PUBLISHED[one.resource_type]) == needed


def test_a_deletion_is_never_refused_for_it_comes_when_all_else_is_done() -> None:
    found = lack(change("Remove", "AWS::SQS::Queue"), role())
    assert found
    assert found.certain == ()
    assert "sqs:DeleteQueue" in found.possible


def test_an_update_without_any_action_of_its_service_cannot_work() -> None:
    found = lack(change("Modify", "AWS::SQS::Queue", "DelaySeconds"), role("sqs:Get*"))
    assert found
    assert found.certain == ("sqs:SetQueueAttributes", "sqs:TagQueue")


def test_an_update_of_which_no_property_is_known_is_not_certain() -> None:
    found = lack(change("Modify", "AWS::SQS::Queue"), role("sqs:Get*"))
    assert found
    assert found.certain == ()


@pytest.mark.parametrize(
    ("kind", "having", "certain"),
    [
        ("AWS::StepFunctions::StateMachine", "states:Describe*", ("states:CreateStateMachine",)),
        ("AWS::EC2::Instance", "iam:*", ("ec2:CreateTags", "ec2:RunInstances")),
        ("AWS::EC2::Instance", "ec2:CreateTags", ("ec2:RunInstances",)),
        ("AWS::EC2::VPCCidrBlock", "ec2:*VpcCidrBlock", ()),
        ("AWS::ApiGatewayV2::VpcLink", "apigateway:*", ()),
        ("AWS::DirectoryService::SimpleAD", "sqs:*", ("ds:CreateDirectory",)),
        ("AWS::Lambda::Permission", "lambda:Get*", ("lambda:AddPermission",)),
    ],
)
def test_only_the_types_own_service_makes_a_lack_certain(
    kind: str, having: str, certain: tuple[str, ...]
) -> None:
    found = lack(change("Add", kind), role(having))
    assert found
    assert found.certain == certain


def test_a_refusal_names_role_resource_and_action_and_says_that_nothing_was_changed() -> None:
    check = lacking_actions([change("Add", "AWS::SQS::Queue")], PUBLISHED, role("sqs:Get*"))
    error = refused_for_lack(check, "arn:aws:iam::2:role/acme", "stack a, account 2, region r")
    assert isinstance(error, DeployFailedError)
    assert error.where == "stack a, account 2, region r, role arn:aws:iam::2:role/acme"
    assert error.why == ("the service role lacks sqs:CreateQueue for Thing (AWS::SQS::Queue)")
    assert "no resource was changed" in error.state
    assert "policies/services" in error.remedy
    assert "a person" in error.remedy


def test_what_is_only_possible_refuses_nothing() -> None:
    possible = Lack(logical_id="A", resource_type="B", possible=("a:B",), seldom=("c:D",))
    assert refused_for_lack(RoleCheck(lacks=(possible,), unknown=("X",)), "role", "where") is None
