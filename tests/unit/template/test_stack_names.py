from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.template.stack_names import left_to_cloudformation

ROLE = "AWS::IAM::Role"


def kept(kind: str, properties: dict[str, Any], **elsewhere: Any) -> dict[str, Any]:
    template = {"Resources": {"Thing": {"Type": kind, "Properties": properties}, **elsewhere}}
    made = left_to_cloudformation(template)["Resources"]
    assert {name: made[name] for name in elsewhere} == elsewhere
    found: dict[str, Any] = made["Thing"]["Properties"]
    return found


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        (ROLE, {"RoleName": "reader"}),
        (ROLE, {"RoleName": {"Fn::Sub": "${Stage}-reader"}, "Path": "/service-role/"}),
        (ROLE, {"RoleName": {"Ref": "Name"}}),
        (ROLE, {"RoleName": {"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}}),
        (ROLE, {"RoleName": {"Fn::Sub": ["${A}-b", {"A": {"Fn::Select": [0, ["x"]]}}]}}),
        ("AWS::IAM::ManagedPolicy", {"ManagedPolicyName": "own", "Path": "/"}),
        ("AWS::CodeBuild::Project", {"Name": "build"}),
        ("AWS::Serverless::Function", {"RolePath": "/x/"}),
    ],
)
def test_names_and_paths_of_roles_are_left_out(kind: str, properties: dict[str, Any]) -> None:
    assert kept(kind, properties | {"Tags": []}) == {"Tags": []}


@pytest.mark.parametrize(
    ("name", "elsewhere"),
    [
        ("reader", {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/reader"}),
        ({"Ref": "Name"}, {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/${Name}"}),
        ({"Ref": "Name"}, {"Ref": "Name"}),
        ({"Fn::Sub": "${Stage}-reader"}, {"Fn::Sub": "role/${Stage}-reader"}),
        ({"Fn::Join": ["-", ["a", {"Ref": "B"}]]}, {"Fn::Join": ["-", ["a", {"Ref": "B"}]]}),
    ],
)
def test_a_name_that_stands_elsewhere_too_stays(name: Any, elsewhere: Any) -> None:
    other = {"Type": "AWS::SQS::Queue", "Properties": {"Allowed": elsewhere}}
    assert kept(ROLE, {"RoleName": name}, Other=other) == {"RoleName": name}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::S3::Bucket", {"BucketName": "files"}),
        ("AWS::SageMaker::Endpoint", {"EndpointName": "own"}),
        ("AWS::SQS::Queue", {"QueueName": "jobs", "Path": "/x/"}),
    ],
)
def test_all_other_names_stay(kind: str, properties: dict[str, Any]) -> None:
    assert kept(kind, properties) == properties


def test_a_longer_name_is_another() -> None:
    policies = [{"PolicyName": "reader-policy"}]
    assert kept(ROLE, {"RoleName": "reader", "Policies": policies}) == {"Policies": policies}


def test_what_only_labels_the_role_names_nothing() -> None:
    tags = [{"Key": "Name", "Value": "reader"}]
    properties = {"RoleName": "reader", "Tags": tags, "Description": "The reader"}
    assert kept(ROLE, properties) == {"Tags": tags, "Description": "The reader"}


def test_what_is_referred_to_by_its_logical_id_needs_no_name() -> None:
    other = {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": "Thing.Arn"}}}
    assert kept(ROLE, {"RoleName": "reader"}, Other=other) == {}


@pytest.mark.parametrize("template", [{}, {"Resources": []}, {"Resources": {"A": 1}}])
def test_what_has_no_resources_stays_as_it_is(template: dict[str, Any]) -> None:
    assert left_to_cloudformation(template) == template
