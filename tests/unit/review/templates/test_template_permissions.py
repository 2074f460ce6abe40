from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.review.templates.sam_types import made_types
from tiercel.domain.review.templates.template_permissions import (
    PermissionChange,
    permission_change,
    types_of,
)
from tiercel.domain.stack.needed_actions import Handlers
from tiercel.domain.stack.policy_evaluation import RolePolicies

PUBLISHED: dict[str, Handlers] = {
    "AWS::SQS::Queue": {"create": ("sqs:CreateQueue",), "delete": ("sqs:DeleteQueue",)},
    "AWS::SNS::Topic": {"create": ("sns:CreateTopic",), "update": ("sns:SetTopicAttributes",)},
    "AWS::Lambda::Function": {
        "create": ("lambda:CreateFunction",),
        "update": ("lambda:UpdateFunctionCode",),
    },
    "AWS::IAM::Role": {"create": ("iam:CreateRole",)},
}
QUEUE = {"Type": "AWS::SQS::Queue"}
TOPIC = {"Type": "AWS::SNS::Topic"}
EVERYTHING = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


def role(*actions: str) -> RolePolicies:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return RolePolicies(identity={"Statement": [statement]}, boundary=EVERYTHING)


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


def changed(
    before: dict[str, Any] | None,
    after: dict[str, Any],
    published: dict[str, Handlers],
    role: RolePolicies,
) -> PermissionChange:
    """Compare two versions that nest nothing."""
    return permission_change({"": before} if before else {}, {"": after}, published, role)


def function(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::Function", "Properties": properties}


def test_two_versions_differ_in_what_they_may_need() -> None:
    found = changed(template(A=QUEUE), template(A=TOPIC), PUBLISHED, role("*"))
    assert found.needed == ("sns:CreateTopic", "sns:SetTopicAttributes")
    assert found.no_longer == ("sqs:CreateQueue", "sqs:DeleteQueue")
    assert found.check.lacks == ()


def test_what_stands_in_a_loop_that_stays_one_has_its_type() -> None:
    loop = ["N", {"Ref": "Names"}, {"Q${N}": QUEUE}]
    nested = ["M", {"Ref": "Names"}, {"Fn::ForEach::X": loop, "T${M}": TOPIC}]
    made = types_of({"Resources": {"Fn::ForEach::Y": nested}})
    assert made == {"AWS::SQS::Queue", "AWS::SNS::Topic"}


def test_nested_templates_count_as_the_services_own_and_what_lacks_has_its_path() -> None:
    before = {"": template(A=QUEUE), "Inner": template(B=QUEUE)}
    after = {"": template(A=QUEUE), "Inner": template(), "Inner/Deep": template(B=TOPIC)}
    found = permission_change(before, after, PUBLISHED, role("sqs:*"))
    assert (found.needed, found.no_longer) == (("sns:CreateTopic", "sns:SetTopicAttributes"), ())
    assert [lack.logical_id for lack in found.check.lacks] == ["Inner/Deep/B"]


def test_a_second_resource_of_a_type_needs_nothing_new() -> None:
    found = changed(template(A=QUEUE), template(A=QUEUE, B=QUEUE), PUBLISHED, role("*"))
    assert found.needed == found.no_longer == ()


def test_a_new_template_needs_all_of_it_and_lacks_what_creating_takes() -> None:
    found = changed(None, template(A=QUEUE, B=TOPIC), PUBLISHED, role("sqs:*"))
    assert found.needed == (
        "sns:CreateTopic", "sns:SetTopicAttributes", "sqs:CreateQueue", "sqs:DeleteQueue",
    )  # fmt: skip
    (lack,) = found.check.lacks
    assert (lack.logical_id, lack.certain) == ("B", ("sns:CreateTopic",))


def test_what_did_not_change_lacks_nothing_now() -> None:
    found = changed(template(A=QUEUE), template(A=QUEUE), PUBLISHED, role())
    assert found.check.lacks == ()


def test_a_removed_resource_needs_its_deletion_unless_it_is_retained() -> None:
    retained = QUEUE | {"DeletionPolicy": "Retain"}
    gone = changed(template(A=QUEUE), template(), PUBLISHED, role())
    kept = changed(template(A=retained), template(), PUBLISHED, role())
    assert [lack.possible for lack in gone.check.lacks] == [("sqs:DeleteQueue",)]
    assert kept.check.lacks == ()


def test_a_function_of_sam_needs_what_is_made_of_it() -> None:
    found = changed(None, template(A=function()), PUBLISHED, role("lambda:*"))
    assert found.needed == ("iam:CreateRole", "lambda:CreateFunction", "lambda:UpdateFunctionCode")
    assert [(one.resource_type, one.certain) for one in found.check.lacks] == [
        ("AWS::IAM::Role", ("iam:CreateRole",))
    ]


def test_a_changed_function_of_sam_lacks_nothing_for_certain() -> None:
    before, after = template(A=function(Timeout=1)), template(A=function(Timeout=2))
    found = changed(before, after, PUBLISHED, role())
    assert [(one.certain, one.possible) for one in found.check.lacks] == [
        ((), ("lambda:UpdateFunctionCode",))
    ]


def test_unknown_types_are_named() -> None:
    macro = {"Type": "Acme::Macro::Thing"}
    assert changed(None, template(A=macro), PUBLISHED, role()).check.unknown == (
        "Acme::Macro::Thing",
    )


def test_a_change_of_sams_globals_alone_is_no_resource() -> None:
    before, after = template(A=QUEUE), template(A=QUEUE) | {"Globals": {"Function": {"Timeout": 1}}}
    assert changed(before, after, PUBLISHED, role()).check.unknown == ()


@pytest.mark.parametrize(
    ("resource", "types"),
    [
        (QUEUE, {"AWS::SQS::Queue"}),
        ({}, {""}),
        (function(Role="arn"), {"AWS::Lambda::Function"}),
        (function(), {"AWS::Lambda::Function", "AWS::IAM::Role"}),
        (
            function(Role="arn", AutoPublishAlias="live", FunctionUrlConfig={}),
            {
                "AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::Lambda::Version",
                "AWS::Lambda::Url",
            },
        ),
        (
            function(Role="arn", Events={"A": {"Type": "SQS"}, "B": {"Type": "Schedule"}, "C": 1}),
            {
                "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping", "AWS::Events::Rule",
                "AWS::Lambda::Permission",
            },
        ),
        (
            {"Type": "AWS::Serverless::HttpApi", "Properties": "wrong"},
            {"AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage"},
        ),
        ({"Type": "AWS::Serverless::Connector"}, {"AWS::Serverless::Connector"}),
    ],
)  # fmt: skip
def test_what_sam_makes_of_a_resource_is_known(resource: dict[str, Any], types: set[str]) -> None:
    assert set(made_types(resource)) == types
    assert types_of(None, template(A=resource)) == types
