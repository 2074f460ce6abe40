"""Which changes of permissions are told to allow more than before."""

from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.review.templates.changed_values import Templates
from tiercel.domain.review.templates.widening import widened


def allow(action: Any = "s3:GetObject", resource: Any = "arn:b/*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource}


def role(*statements: Any, **properties: Any) -> dict[str, Any]:
    policy = {"PolicyName": "own", "PolicyDocument": {"Statement": list(statements)}}
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy], **properties}}


def function(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::Function", "Properties": {"Handler": "a", **properties}}


def called(path: str) -> dict[str, Any]:
    return {"Call": {"Type": "Api", "Properties": {"Method": "get", "Path": path}}}


def api(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::Api", "Properties": properties}


def bucket(**blocked: bool) -> dict[str, Any]:
    block = {"PublicAccessBlockConfiguration": blocked} if blocked else {}
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "b", **block}}


def told(before: Any, after: Any) -> bool:
    old, new = ({"Resources": {"R": one} if one else {}} for one in (before, after))
    return widened({"": old}, {"": new}) == ("R",)


IF = {"Fn::If": ["Prod", allow(), allow("s3:*")]}
BOUNDED = {"PermissionsBoundary": "arn:boundary"}


@pytest.mark.parametrize(
    ("before", "after", "is_wider"),
    [
        (None, role(allow()), True),
        (None, role(deny("s3:*")), False),
        (role(allow()), None, False),
        (role(allow(), deny("s3:*")), None, True),
        (role(allow()), role(allow(), allow("s3:PutObject")), True),
        (role(allow(), allow("s3:PutObject")), role(allow()), False),
        (role(allow("s3:*")), role(allow("s3:GetObject")), False),
        (role(allow(resource="*")), role(allow(resource=["arn:a", "arn:b"])), False),
        (role(allow(["s3:Get*", "s3:PutObject"])), role(allow(["s3:PutObject"])), False),
        (role(allow()), role(allow(resource="*")), True),
        (role(allow()), role(allow("s3:Get?bject")), True),
        (role(allow(resource={"Ref": "A"})), role(allow(resource={"Ref": "B"})), True),
        (role(allow(resource={"Ref": "A"})), role(allow(resource=[{"Ref": "A"}])), False),
        (role(deny("s3:*"), allow()), role(allow()), True),
        (role(deny("s3:*"), allow()), role(deny("s3:PutObject"), allow()), True),
        (role(allow(Condition={"a": 1})), role(allow()), True),
        (role(allow()), role(allow(Condition={"a": 1})), True),  # not surely covered
        (role(allow(Sid="A")), role(allow(Sid="B")), False),
        (role(allow()), role(IF), True),
        (role(IF), role(allow()), False),
        (role({"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "*"}),
         role({"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}), False),
        (role({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
         role({"Effect": "Allow", "NotAction": "iam:Create*", "Resource": "*"}), True),
        (role(**BOUNDED), role(), True),
        (role(), role(**BOUNDED), False),
        (role(**BOUNDED), role(PermissionsBoundary="arn:other"), True),
        (role(ManagedPolicyArns=["a"]), role(ManagedPolicyArns=["a", "b"]), True),
        (role(ManagedPolicyArns=["a", "b"]), role(ManagedPolicyArns=["b"]), False),
        (role(Description="a"), role(Description="b"), False),
        (role(Tags=[{"Key": "a", "Value": "b"}]), role(), False),
        (function(Policies=["A"]), function(Policies=["A", "B"]), True),
        (function(MemorySize=1, Policies=["A"]), function(MemorySize=2, Policies=["A"]), False),
        (function(), function(Role="arn:admin"), True),
        (None, {"Type": "AWS::Lambda::Permission", "Properties": {"Principal": "*"}}, True),
        ({"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {"Statement": [
            allow(Principal={"AWS": "1"})]}}},
         {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {"Statement": [
             allow(Principal="*")]}}}, True),
        ({"Type": "AWS::SQS::Queue"}, {"Type": "AWS::SQS::Queue", "Properties": {"A": 1}}, False),
        (role(allow()), {"Type": "AWS::IAM::Role", "Properties": "x"}, False),
        (role(allow()), role({"Effect": ["odd"], "Action": None}), False),
        (function(), function() | {"Connectors": {"A": {"Properties": {}}}}, True),
        (function() | {"Connectors": {"A": {"Properties": {"Permissions": ["Read"]}}}},
         function() | {"Connectors": {"A": {"Properties": {"Permissions": ["Read", "Write"]}}}},
         True),
        (function(Events=called("/a")), function(Events=called("/{proxy+}")), True),
        (function(FunctionUrlConfig={"AuthType": "AWS_IAM"}),
         function(FunctionUrlConfig={"AuthType": "NONE"}), True),
        (api(Auth={"DefaultAuthorizer": "AWS_IAM"}), api(), True),
        (api(Auth={"DefaultAuthorizer": "AWS_IAM"}), api(Auth={"DefaultAuthorizer": "NONE"}), True),
        (api(Name="a"), api(Name="b"), False),
        (bucket(BlockPublicAcls=True), bucket(), True),
        (bucket(BlockPublicAcls=True), bucket(BlockPublicAcls=False), True),
        (role(Path="/a/"), role(Path="/b/"), False),
        ({"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "AWS_IAM"}},
         {"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE"}}, True),
        ({"Type": "AWS::EC2::Instance", "Properties": {"IamInstanceProfile": "reader"}},
         {"Type": "AWS::EC2::Instance", "Properties": {"IamInstanceProfile": "admin"}}, True),
        ({"Type": "AWS::Cognito::IdentityPoolRoleAttachment", "Properties": {"Roles": {"a": "b"}}},
         {"Type": "AWS::Cognito::IdentityPoolRoleAttachment", "Properties": {"Roles": {"a": "c"}}},
         True),
    ],
)  # fmt: skip
def test_a_change_that_may_allow_more_is_told(before: Any, after: Any, is_wider: bool) -> None:
    assert told(before, after) is is_wider


def test_what_is_nested_is_told_with_its_path() -> None:
    before: Templates = {"": {"Resources": {}}, "Inner": {"Resources": {"R": role(allow())}}}
    after: Templates = {"": {"Resources": {}}, "Inner": {"Resources": {"R": role(allow("*"))}}}
    assert widened(before, after) == ("Inner/R",)


@pytest.mark.parametrize(
    ("before", "after", "is_wider"),
    [
        ({}, {"AssumeRolePolicyDocument": {"Statement": [allow(Principal="*")]}}, True),
        ({"FunctionUrlConfig": {"AuthType": "AWS_IAM"}},
         {"FunctionUrlConfig": {"AuthType": "NONE"}}, True),
        ({"PermissionsBoundary": "arn:boundary"}, {}, True),
        ({}, {"PermissionsBoundary": "arn:boundary"}, False),
        ({"MemorySize": 1}, {"MemorySize": 2}, False),
    ],
)  # fmt: skip
def test_what_sam_puts_into_every_function_may_allow_more(
    before: Any, after: Any, is_wider: bool
) -> None:
    old, new = ({"Globals": {"Function": one}, "Resources": {}} for one in (before, after))
    assert widened({"": old}, {"": new}) == (("Globals",) if is_wider else ())


def test_a_role_in_a_loop_that_only_a_deploy_writes_out_is_told_as_well() -> None:
    def looped(one: dict[str, Any]) -> Templates:
        loop = ["Name", {"Ref": "Names"}, {"Role${Name}": one}]
        return {"": {"Resources": {"Fn::ForEach::Roles": loop}}}

    narrow, wide = looped(role(allow())), looped(role(allow("s3:*")))
    assert widened(narrow, wide) == ("Role${Name}",)
    assert widened(wide, narrow) == ()


def test_a_bucket_that_is_opened_by_a_list_may_allow_more() -> None:
    closed = {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "Private"}}
    opened = {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}
    assert told(closed, opened)
