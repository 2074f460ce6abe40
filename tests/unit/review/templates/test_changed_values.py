from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.review.templates.template_changes import all_changes, template_changes
from tiercel.domain.review.templates.widening import widened

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def role(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def allowing(action: Any, resource: Any = "*") -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return role(Policies=[{"PolicyName": "own", "PolicyDocument": {"Statement": [statement]}}])


def template(resource: dict[str, Any], **sections: Any) -> dict[str, Any]:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 1}}
    return {"Resources": {"R": resource, "Queue": queue}, **sections}


def parameter(default: str, **more: Any) -> dict[str, Any]:
    return {"P": {"Type": "String", "Default": default, **more}}


def conditions(right: str) -> dict[str, Any]:
    return {
        "Inner": {"Fn::Equals": ["a", right]},
        "Outer": {"Fn::Not": [{"Condition": "Inner"}]},
        "Other": {"Fn::Equals": ["a", "b"]},
    }


CHOSEN = role(ManagedPolicyArns={"Fn::If": ["Outer", ADMIN, {"Ref": "AWS::NoValue"}]})
OTHERWISE = role(ManagedPolicyArns={"Fn::If": ["Other", ADMIN, {"Ref": "AWS::NoValue"}]})


@pytest.mark.parametrize(
    ("resource", "before", "after", "is_wider"),
    [
        (allowing({"Ref": "P"}), {"Parameters": parameter("s3:Get*")},
         {"Parameters": parameter("*")}, True),
        (allowing({"Fn::Sub": "s3:${P}"}), {"Parameters": parameter("Get*")},
         {"Parameters": parameter("*")}, True),
        (allowing("s3:*", {"Fn::Sub": ["${A}", {"A": {"Ref": "P"}}]}),
         {"Parameters": parameter("arn:a")}, {"Parameters": parameter("*")}, True),
        (allowing({"Fn::FindInMap": ["M", "a", "b"]}), {"Mappings": {"M": {"a": {"b": "s3:Get*"}}}},
         {"Mappings": {"M": {"a": {"b": "*"}}}}, True),
        (CHOSEN, {"Conditions": conditions("b")}, {"Conditions": conditions("a")}, True),
        (allowing("*") | {"Condition": "Outer"}, {"Conditions": conditions("b")},
         {"Conditions": conditions("a")}, True),
        (OTHERWISE, {"Conditions": conditions("b")}, {"Conditions": conditions("a")}, None),
        (allowing({"Ref": "P"}), {"Parameters": parameter("a")},
         {"Parameters": parameter("a", Description="what it is for")}, None),
        (allowing({"Ref": "P"}), {"Parameters": parameter("a")},
         {"Parameters": parameter("a", AllowedValues=["a", "b"])}, None),
        (allowing("*"), {"Parameters": parameter("a")}, {"Parameters": parameter("b")}, None),
        (allowing({"Ref": "P"}), {"Outputs": {"A": 1}}, {"Outputs": {"A": 2}}, None),
    ],
)  # fmt: skip
def test_a_resource_changes_with_what_it_refers_to(
    resource: dict[str, Any], before: Any, after: Any, is_wider: bool | None
) -> None:
    old, new = template(resource, **before), template(resource, **after)
    found = [(one.action, one.logical_id) for one in template_changes(old, new)]
    assert found == ([] if is_wider is None else [("Modify", "R")])
    assert widened({"": old}, {"": new}) == (("R",) if is_wider else ())
    assert template_changes(None, new) == template_changes(None, old)


@pytest.mark.parametrize("through", ["itself", "a parameter of the outer stack"])
def test_a_nested_resource_changes_with_what_its_stack_is_given(through: str) -> None:
    given = {"itself": ["s3:Get*", "*"]}.get(through, [{"Ref": "P"}] * 2)
    inner = {
        "Parameters": {"Action": {"Type": "String"}},
        "Resources": {"R": allowing({"Ref": "Action"})},
    }
    old, new = (
        {
            "": {
                "Parameters": parameter(default),
                "Resources": {
                    "Inner": {
                        "Type": "AWS::CloudFormation::Stack",
                        "Properties": {"TemplateURL": "inner.json", "Parameters": {"Action": one}},
                    }
                },
            },
            "Inner": inner,
        }
        for one, default in zip(given, ("s3:Get*", "*"), strict=True)
    )
    assert [one.path for one in all_changes(old, new)] == ["Inner", "Inner/R"]
    assert widened(old, new) == ("Inner/R",)
    assert all_changes(old, old) == ()
