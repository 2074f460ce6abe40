from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.topology import topology_of
from tiercel.domain.organization.names import Names
from tiercel.domain.review.templates.needed_services import unlisted_services
from tiercel.domain.review.templates.physical_names import names_that_do_not_fit
from tiercel.domain.review.templates.template_faults import (
    FaultAt,
    FaultKind,
    TemplateFault,
    merged,
    one_error,
    refused,
)
from tiercel.domain.review.templates.unbounded_roles import roles_without_boundary
from tiercel.domain.stack.needed_actions import Handlers
from tiercel.domain.stack.policy_evaluation import RolePolicies
from tiercel.domain.template.intrinsics import TemplateScope, scope_of

ANY = Names.of(topology_of(), "preprod")
PREFIX = Names.of(topology_of(more='[environments.preprod.stacks]\nnames = "prefix"\n'), "preprod")


def scope(kind: str, properties: dict[str, Any] | None = None, **sections: Any) -> TemplateScope:
    thing = {"Type": kind} | ({"Properties": properties} if properties is not None else {})
    return scope_of("t.yaml", {"t.yaml": {"Resources": {"Thing": thing}, **sections}})


def texts_of(faults: Iterable[TemplateFault]) -> list[str]:
    return [finding.text for fault in faults for finding in fault.findings]


def unfit(found: TemplateScope, names: Names = PREFIX, **values: str) -> list[str]:
    return texts_of(names_that_do_not_fit([found], names, "shop", values))


TABLE = "AWS::DynamoDB::Table"
SUB = "!Sub ${AWS::StackName}"
# The property and its value, and what is to be written instead; nothing, where it fits.
NAMES: list[tuple[str, dict[str, Any], str]] = [
    (TABLE, {}, ""),
    (TABLE, {"TableName": "Orders"}, f"{SUB}-Orders"),
    (TABLE, {"TableName": "acme-preprod-orders"}, ""),
    (TABLE, {"TableName": {"Fn::Sub": "${AWS::StackName}-orders"}}, ""),
    (TABLE, {"TableName": {"Fn::Sub": "results-${AWS::StackName}-x"}}, f"{SUB}-results-x"),
    (TABLE, {"TableName": {"Fn::Join": ["-", [{"Ref": "AWS::StackName"}, "x"]]}}, ""),
    (TABLE, {"TableName": {"Ref": "Name"}}, f"{SUB}-${{Name}}"),
    (TABLE, {"TableName": {"Ref": "Given"}}, ""),
    (TABLE, {"TableName": {"Ref": "Unknown"}}, ""),
    (TABLE, {"TableName": {"Fn::Sub": "acme-${Unknown}"}}, ""),
    (TABLE, {"TableName": {"Fn::Sub": "x${Unknown}"}}, f"{SUB}-x${{Unknown}}"),
    (TABLE, {"TableName": {"Fn::If": ["C", "Orders", {"Ref": "AWS::NoValue"}]}}, f"{SUB}-Orders"),
    ("AWS::Lambda::Function", {"FunctionName": "slug"}, f"{SUB}-slug"),
    ("AWS::Serverless::LayerVersion", {"LayerName": "tools"}, f"{SUB}-tools"),
    ("AWS::Serverless::LayerVersion", {}, f"LayerName: {SUB}-Thing"),
    ("AWS::KMS::Alias", {"AliasName": "alias/acme-preprod-x"}, ""),
    ("AWS::KMS::Alias", {"AliasName": "alias/x"}, "!Sub alias/${AWS::StackName}-x"),
    ("AWS::Logs::LogGroup", {"LogGroupName": "/aws/lambda/acme-preprod-x"}, ""),
    ("AWS::Logs::LogGroup", {"LogGroupName": {"Fn::Sub": "/aws/lambda/${Thing}"}}, ""),
    (
        "AWS::Logs::LogGroup",
        {"LogGroupName": "/aws/lambda/x"},
        "!Sub /aws/lambda/${AWS::StackName}-x",
    ),
    ("AWS::SSM::Parameter", {"Name": "/acme/preprod/table"}, ""),
    ("AWS::SSM::Parameter", {"Name": "/orders/table"}, f"{SUB}-orders-table"),
    ("AWS::IAM::Role", {"RoleName": "admin"}, f"{SUB}-admin"),
    (
        "AWS::Serverless::Function",
        {"Events": {"E": {"Type": "Schedule", "Properties": {"Name": "nightly"}}}},
        f"{SUB}-nightly",
    ),
    ("AWS::Cognito::UserPool", {"UserPoolName": "people"}, ""),
]


@pytest.mark.parametrize(("kind", "properties", "rewritten"), NAMES)
def test_a_name_without_the_prefix_is_told_with_what_to_write(
    kind: str, properties: dict[str, Any], rewritten: str
) -> None:
    declared = {"Name": {"Type": "String"}, "Given": {"Type": "String"}, "Unknown": {}}
    found = scope(kind, properties, Parameters=declared)
    told = unfit(found, Name="orders", Given="acme-preprod-orders")
    assert [text.partition(": write ")[2] for text in told] == ([rewritten] if rewritten else [])


def test_where_names_are_free_only_roles_have_the_prefix() -> None:
    assert unfit(scope(TABLE, {"TableName": "Orders"}), ANY) == []
    assert unfit(scope("AWS::IAM::Role", {"RoleName": "admin"}), ANY)


QUEUE = {"create": ("sqs:CreateQueue",)}
DATABASE = {"create": ("rds:CreateDBInstance", "ec2:DescribeVpcs")}
ODD = {"create": ("odd:CreateThing",)}
PUBLISHED: dict[str, Handlers] = {
    "AWS::SQS::Queue": QUEUE,
    "AWS::RDS::DBInstance": DATABASE,
    "AWS::Odd::Thing": ODD,
}


def allowing(*actions: str) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


ROLE = RolePolicies(allowing("sqs:*"), allowing("sqs:*"))
OFFERS = {"rds": allowing("rds:*"), "ses": allowing("ses:*")}


def unlisted(*scopes: TemplateScope) -> list[TemplateFault]:
    return list(unlisted_services(scopes, PUBLISHED, ROLE, OFFERS, ANY.environment))


def test_a_resource_of_a_service_that_is_not_listed_is_told_with_the_line_to_write() -> None:
    (fault,) = unlisted(scope("AWS::RDS::DBInstance"), scope("AWS::SQS::Queue"))
    (finding,) = fault.findings
    assert (finding.template, finding.path) == ("t.yaml", ("Resources", "Thing"))
    assert "AWS::RDS::DBInstance needs the service rds" in finding.text
    assert "environments.preprod.stacks" in fault.remedy
    pasted = fault.remedy.partition(":\n")[2].partition("\nthen run")[0]
    assert tomllib.loads(pasted)["services"] == [*ANY.environment.stacks.services, "rds"]
    assert max(map(len, pasted.splitlines())) <= 96, "a terminal cuts longer lines"


def test_a_service_that_no_fragment_knows_is_for_an_own_one() -> None:
    (fault,) = unlisted(scope("AWS::Odd::Thing"))
    assert "tiercel config fragment AWS::Odd::Thing" in fault.remedy
    assert "stack-services/odd.json" in fault.remedy


def test_what_aws_publishes_nothing_of_is_not_refused() -> None:
    assert unlisted(scope("Custom::Seed"), scope("AWS::New::Thing")) == []


def test_what_nested_templates_hold_counts() -> None:
    outer = {
        "Resources": {
            "Inner": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {"TemplateURL": "inner.yaml"},
            }
        }
    }
    inner = {"Resources": {"Data": {"Type": "AWS::RDS::DBInstance"}}}
    whole = scope_of("s/t.yaml", {"s/t.yaml": outer, "s/inner.yaml": inner})
    (fault,) = unlisted(whole, *(nested for _, nested in whole.nested()))
    assert [finding.template for finding in fault.findings] == ["s/inner.yaml"]


BOUNDARY = "acme-preprod-boundary"
ARN = "arn:aws:iam::222222222222:policy/"
ROLES: list[tuple[str, dict[str, Any], int]] = [
    ("AWS::Serverless::GraphQLApi", {}, 0),
    ("AWS::Serverless::GraphQLApi", {"Logging": {"Fn::If": ["C", {}, False]}}, 1),
    ("AWS::Serverless::GraphQLApi", {"Logging": False}, 0),
    ("AWS::Serverless::GraphQLApi", {"Logging": {"CloudWatchLogsRoleArn": "arn:r"}}, 0),
    (
        "AWS::Serverless::GraphQLApi",
        {"Logging": False, "DataSources": {"DynamoDb": {"A": {}}, "Lambda": {"B": {}}}},
        2,
    ),
    (
        "AWS::Serverless::GraphQLApi",
        {"Logging": False, "DataSources": {"Lambda": {"B": {"ServiceRoleArn": "arn:r"}}}},
        0,
    ),
    ("AWS::Serverless::CapacityProvider", {}, 1),
    ("AWS::Serverless::CapacityProvider", {"OperatorRole": "arn:r"}, 0),
    ("AWS::IAM::Role", {"PermissionsBoundary": f"{ARN}other"}, 1),
    ("AWS::IAM::Role", {"PermissionsBoundary": f"{ARN}{BOUNDARY}"}, 0),
    ("AWS::IAM::Role", {"PermissionsBoundary": {"Ref": "Boundary"}}, 0),
    ("AWS::IAM::Role", {"PermissionsBoundary": {"Ref": "AWS::NoValue"}}, 0),
    (
        "AWS::IAM::Role",
        {"PermissionsBoundary": {"Fn::If": ["C", f"{ARN}x", {"Ref": "AWS::NoValue"}]}},
        1,
    ),
    ("AWS::IAM::Role", {}, 0),
]


@pytest.mark.parametrize(("kind", "properties", "count"), ROLES)
def test_a_role_that_would_have_no_boundary_is_told(
    kind: str, properties: dict[str, Any], count: int
) -> None:
    found = scope(kind, properties, Parameters={"Boundary": {"Type": "String"}})
    assert len(texts_of(roles_without_boundary([found], BOUNDARY))) == count


def looping(kind: str, properties: dict[str, Any]) -> TemplateScope:
    body = {"R${N}": {"Type": kind, "Properties": properties}}
    loop = {"Fn::ForEach::X": ["N", {"Ref": "Names"}, body]}
    return scope_of("t.yaml", {"t.yaml": {"Resources": loop, "Parameters": {"Names": {}}}})


def test_what_a_loop_makes_needs_services_and_boundaries_too() -> None:
    (needed,) = unlisted(looping("AWS::RDS::DBInstance", {}))
    assert [finding.path for finding in needed.findings] == [("Resources", "R${N}")]
    found = looping("AWS::IAM::Role", {"PermissionsBoundary": f"{ARN}other"})
    (role,) = roles_without_boundary([found], BOUNDARY)
    assert [finding.path for finding in role.findings] == [("Resources", "R${N}")]
    own = looping("AWS::IAM::Role", {"PermissionsBoundary": f"{ARN}${{N}}"})
    assert list(roles_without_boundary([own], BOUNDARY)) == []


def fault(*texts: str, kind: FaultKind = FaultKind.NAME) -> TemplateFault:
    findings = tuple(FaultAt(template="t", path=("A", text), text=text) for text in texts)
    return TemplateFault(kind=kind, remedy="do", findings=findings)


def test_what_environments_share_is_told_once_and_the_rest_names_them() -> None:
    both = merged(
        {"preprod": [fault("a", "b")], "prod": [fault("a"), fault("c", kind=FaultKind.ROLE)]}
    )
    assert [one.kind for one in both] == [FaultKind.NAME, FaultKind.ROLE]
    assert texts_of(both) == ["a", "b (in preprod)", "c (in prod)"]


def test_an_error_names_the_line_of_each_finding() -> None:
    error = refused(fault("a", "b"), lambda finding: len(finding.text) + 6)
    assert error.why.splitlines() == ["t:7: A.a: a", "t:7: A.b: b"]
    assert (error.code, error.remedy) == ("template.name_without_prefix", "do")


def test_one_error_stands_for_itself_and_several_are_told_as_one() -> None:
    one, other = (refused(fault("a", kind=kind), lambda _: 1) for kind in list(FaultKind)[1:])
    assert one_error([one], "here") is one
    whole = one_error([one, other], "here")
    assert [cause.code for cause in whole.causes] == [one.code, other.code]
    assert "t:1: A.a: a" in str(whole)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AWS::Batch::JobDefinition", "JobDefinitionName"),
        ("AWS::CodeBuild::Project", "Name"),
        ("AWS::ECR::Repository", "RepositoryName"),
        ("AWS::IAM::InstanceProfile", "InstanceProfileName"),
        ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
        ("AWS::IAM::Role", "RoleName"),
    ],
)
def test_what_runs_code_with_a_role_begins_with_the_prefix_everywhere(kind: str, name: str) -> None:
    assert unfit(scope(kind, {name: "own"}), ANY) == [f"own: write {SUB}-own"]
    assert unfit(scope(kind, {name: "acme-preprod-own"}), ANY) == []
    assert unfit(scope(kind), ANY) == []


@pytest.mark.parametrize(
    ("kind", "properties", "found"),
    [
        ("AWS::IAM::Role", {"Path": "/"}, ""),
        ("AWS::IAM::Role", {"Path": "/service-role/"}, "/service-role/: leave the path out"),
        (
            "AWS::IAM::ManagedPolicy",
            {"Path": {"Fn::Join": ["", ["/", {"Ref": "AWS::StackName"}, "/"]]}},
            "/${AWS::StackName}/: leave the path out",
        ),
        ("AWS::IAM::Role", {"Path": {"Ref": "Unknown"}}, ""),
        ("AWS::Serverless::Function", {"RolePath": "/x/"}, "/x/: leave the path out"),
        ("AWS::Events::Rule", {"Path": "/x/"}, ""),
    ],
)
def test_a_path_before_a_name_fits_no_policy(
    kind: str, properties: dict[str, Any], found: str
) -> None:
    assert unfit(scope(kind, properties), ANY) == ([found] if found else [])


@pytest.mark.parametrize("kind", ["InstanceProfile", "ManagedPolicy", "Policy"])
@pytest.mark.parametrize(
    ("role", "is_told"),
    [
        ({"Ref": "Own"}, False),
        ({"Ref": "Unknown"}, False),
        ("acme-preprod-shop-reader", False),
        ({"Fn::Sub": "${AWS::StackName}-reader"}, False),
        ("Administrators", True),
        ({"Ref": "Given"}, True),
        ({"Fn::Sub": "unauth-${Unknown}"}, True),
    ],
)
def test_a_policy_is_attached_to_roles_of_stacks_alone(kind: str, role: Any, is_told: bool) -> None:
    given = {"Given": {"Type": "String"}, "Unknown": {"Type": "String"}}
    attached = scope(f"AWS::IAM::{kind}", {"Roles": [role]}, Parameters=given)
    assert bool(unfit(attached, ANY, Given="Somebody")) is is_told
