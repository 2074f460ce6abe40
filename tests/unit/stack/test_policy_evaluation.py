from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.stack.policy_evaluation import RolePolicies, could_allow, forbids

BOUNDARY_CONDITION = {"StringEquals": {"iam:PermissionsBoundary": "arn:boundary"}}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


def deny(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": list(actions), "Resource": "*", **more}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([allow("sqs:CreateQueue")], True),
        ([allow("SQS:createqueue")], True),
        ([allow("sqs:*")], True),
        ([allow("*")], True),
        ([allow("sqs:Create?ueue")], True),
        ([allow("sqs:CreateQueue2")], False),
        ([allow("sqs:Create")], False),
        ([allow("sns:*")], False),
        ([allow("sqs:CreateQueue", Resource="arn:aws:sqs:*:*:acme-*")], True),
        ([allow("sqs:CreateQueue", Condition=BOUNDARY_CONDITION)], True),
        ([allow("sqs:*"), deny("sqs:CreateQueue")], False),
        ([allow("sqs:*"), deny("sqs:*")], False),
        ([allow("sqs:*"), deny("sqs:DeleteQueue")], True),
        ([allow("sqs:*"), deny("sqs:CreateQueue", Condition=BOUNDARY_CONDITION)], True),
        ([allow("sqs:*"), deny("sqs:CreateQueue", Resource="arn:aws:sqs:::one")], True),
        ([allow("sqs:*"), deny("sqs:CreateQueue", Resource=["arn:one", "*"])], False),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": ["sqs:*"], "Resource": "*"}], False),
        ([allow("sqs:*"), {"Effect": "Deny", "NotAction": "sns:*", "Resource": "*"}], False),
        ([allow("sqs:*"), {"Effect": "Deny", "NotAction": "sqs:*", "Resource": "*"}], True),
    ],
)
def test_an_action_could_be_allowed_if_some_resource_and_some_request_could_have_it(
    statements: list[dict[str, Any]], allowed: bool
) -> None:
    assert could_allow(policy(*statements), "sqs:CreateQueue") is allowed


def test_a_document_may_write_one_thing_where_it_may_write_a_list() -> None:
    single = {"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}}
    assert could_allow(single, "sqs:CreateQueue")
    assert not could_allow(single, "sns:Publish")


@pytest.mark.parametrize(
    ("granted", "allowed"), [("ec2:DescribeVpcs", True), ("ec2:*", True), ("ec2:CreateVpc", False)]
)
def test_a_published_wildcard_is_allowed_if_one_of_its_actions_is(
    granted: str, allowed: bool
) -> None:
    assert could_allow(policy(allow(granted)), "ec2:Describe*") is allowed


def test_a_published_wildcard_is_denied_only_as_a_whole() -> None:
    assert could_allow(policy(allow("ec2:*"), deny("ec2:DescribeVpcs")), "ec2:Describe*")
    assert not could_allow(policy(allow("ec2:*"), deny("ec2:*")), "ec2:Describe*")


def test_what_a_role_has_lies_within_its_boundary() -> None:
    role = RolePolicies(
        identity=policy(allow("sqs:*", "sns:*")), boundary=policy(allow("sqs:*", "xray:*"))
    )
    assert role.could_allow("sqs:CreateQueue")
    assert not role.could_allow("sns:CreateTopic")
    assert not role.could_allow("xray:PutTraceSegments")


def test_what_is_denied_always_is_told_from_what_is_merely_not_allowed() -> None:
    role = RolePolicies(
        identity=policy(allow("iam:*")),
        boundary=policy(allow("iam:*"), deny("iam:DeleteRolePermissionsBoundary")),
    )
    assert role.forbids("iam:DeleteRolePermissionsBoundary")
    assert not role.forbids("sqs:CreateQueue")
    assert not forbids(
        policy(deny("iam:CreateRole", Condition=BOUNDARY_CONDITION)), "iam:CreateRole"
    )
