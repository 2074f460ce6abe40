from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.support import (
    PREPROD,
    PROD,
    Caller,
    allow,
    caller,
    code,
    deploy,
    deployer,
    destroyer,
    document,
    eventually,
    outputs,
    reasons,
    rest,
    role_with,
    staged,
    zipped,
)
from tiercel.domain.organization.names import Role
from tiercel.sandbox.lifecycle import Sandbox

Template = dict[str, Any]

SERVICE_ROLE = PREPROD.role_arn(Role.CLOUDFORMATION)
QUEUE = {"Queue": {"Type": "AWS::SQS::Queue"}}
NETWORK = {"Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}
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
POLICY = {
    "PolicyName": "all",
    "PolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    },
}


@pytest.fixture(scope="module")
def who(box: Sandbox) -> Caller:
    return deployer(box, PREPROD)


@pytest.fixture(scope="module")
def root(box: Sandbox) -> Caller:
    return caller(box, "preprod-runtime-root")


def stack_name() -> str:
    return PREPROD.prefix + "test-" + uuid.uuid4().hex[:8]


def of(**resources: Any) -> Template:
    return {"Resources": resources}


def role(**properties: Any) -> Template:
    fixed = {"AssumeRolePolicyDocument": TRUST, "PermissionsBoundary": PREPROD.boundary_arn}
    kept = {name: value for name, value in (fixed | properties).items() if value is not None}
    return {"Type": "AWS::IAM::Role", "Properties": kept}


def function(where: dict[str, str], role_arn: Any) -> Template:
    fixed = {"Handler": "app.handler", "Runtime": "python3.11", "Role": role_arn}
    return {"Type": "AWS::Lambda::Function", "Properties": fixed | {"Code": code(where)}}


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (
            NETWORK["Network"],
            "because no identity-based policy allows the ec2:CreateVpc action (Service: Ec2, S",
        ),
        (
            {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": PREPROD.staging_bucket, "PolicyDocument": TRUST},
            },
            "s3:PutBucketPolicy",
        ),
        (
            role(PermissionsBoundary=None),
            "iam:CreateRole on resource: arn:aws:iam::222222222222:role/acme-preprod-",
        ),
        (
            role(PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"),
            "acme-preprod-cloudformation/AWSCloudFormation is not authorized to perform: iam:Crea",
        ),
        (role(RoleName="elsewhere"), "no identity-based policy allows the iam:CreateRole action"),
        (
            {
                "Type": "AWS::CodeBuild::Project",
                "Properties": {
                    "Artifacts": {},
                    "Environment": {},
                    "Source": {},
                    "ServiceRole": "x",
                },
            },
            "because no identity-based policy allows the codebuild:CreateProject action",
        ),
        (
            {
                "Type": "AWS::IAM::Policy",
                "Properties": POLICY | {"Roles": [PREPROD.role(Role.DEPLOYER)]},
            },
            "iam:PutRolePolicy on resource: " + PREPROD.role_arn(Role.DEPLOYER),
        ),
    ],
)
def test_what_the_service_role_may_not_make_rolls_its_stack_back(
    who: Caller, resource: Template, reason: str
) -> None:
    stack = deploy(who, stack_name(), of(Thing=resource))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in reasons(who, stack["StackId"])


def test_a_template_names_what_it_makes_as_it_likes(who: Caller) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "elsewhere"}}
    named = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "elsewhere"}}
    stack = deploy(who, stack_name(), of(Bucket=bucket, Queue=named))
    assert stack["StackStatus"] == "CREATE_COMPLETE", reasons(who, stack["StackId"])


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (
            {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "outside"}},
            's3:CreateBucket on resource: "arn:aws:s3:::outside" because no identity-based',
        ),
        (
            {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "elsewhere"}},
            "acme-prod-cloudformation/AWSCloudFormation is not authorized to perform: sqs:Creat",
        ),
    ],
)
def test_where_names_have_a_prefix_nothing_else_is_made(
    box: Sandbox, resource: Template, reason: str
) -> None:
    releaser = deployer(box, PROD)
    name = PROD.prefix + uuid.uuid4().hex[:8]
    stack = deploy(releaser, name, of(Thing=resource), names=PROD)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert reason in reasons(releaser, stack["StackId"])


def key(**properties: Any) -> Template:
    root = {"AWS": f"arn:aws:iam::{PREPROD.environment.runtime_account}:root"}
    allowed = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    return {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy} | properties}


def test_a_key_of_a_stack_has_its_tag_and_no_other_key_is_managed(
    who: Caller, root: Caller
) -> None:
    name, tags = stack_name(), [{"Key": "tiercel:environment", "Value": "preprod"}]
    untagged = deploy(who, stack_name(), of(Key=key()))
    assert untagged["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "kms:CreateKey" in reasons(who, untagged["StackId"])
    made = deploy(who, name, of(Key=key(EnableKeyRotation=True)), Tags=tags)
    assert made["StackStatus"] == "CREATE_COMPLETE", reasons(who, made["StackId"])
    other = key(Description="other")["Properties"]["KeyPolicy"] | {"Id": "other"}
    changed = deploy(who, name, of(Key=key(KeyPolicy=other)), "UPDATE", Tags=tags)
    assert changed["StackStatus"] == "UPDATE_COMPLETE", reasons(who, changed["StackId"])
    kms = root.client("kms")
    found = root.client("cloudformation").describe_stack_resource(
        StackName=name, LogicalResourceId="Key"
    )["StackResourceDetail"]["PhysicalResourceId"]
    assert kms.list_resource_tags(KeyId=found)["Tags"] == [
        {"TagKey": "tiercel:environment", "TagValue": "preprod"}
    ]
    kms.untag_resource(KeyId=found, TagKeys=["tiercel:environment"])
    root.client("cloudformation").delete_stack(StackName=name)
    assert rest(root, changed["StackId"])["StackStatus"] == "DELETE_FAILED"
    assert "kms:ScheduleKeyDeletion" in reasons(root, changed["StackId"])


def test_a_role_inside_the_boundary_may_be_made_changed_and_removed(
    box: Sandbox, who: Caller
) -> None:
    name = stack_name()
    assert deploy(who, name, of(R=role(Policies=[POLICY])))["StackStatus"] == "CREATE_COMPLETE"
    changed = deploy(who, name, of(R=role(Description="other"), **QUEUE), "UPDATE")
    assert changed["StackStatus"] == "UPDATE_COMPLETE", reasons(who, changed["StackId"])
    destroyer(box, PREPROD).client("cloudformation").delete_stack(StackName=name)
    assert rest(who, changed["StackId"])["StackStatus"] == "DELETE_COMPLETE"


REACH = """
import boto3
def handler(event, context):
    boto3.client("iam").list_users()
"""


def test_a_function_reaches_nothing_beyond_the_boundary_of_its_role(
    who: Caller, root: Caller
) -> None:
    made = function(staged(who, zipped(app=REACH)), {"Fn::GetAtt": ["R", "Arn"]})
    template = of(R=role(Policies=[POLICY]), F=made)
    template["Outputs"] = {"Name": {"Value": {"Ref": "F"}}}
    name = outputs(deploy(who, stack_name(), template))["Name"]
    answer = root.client("lambda").invoke(FunctionName=name)["Payload"].read().decode()
    assert "no permissions boundary allows the iam:ListUsers action" in answer


def test_a_role_never_loses_its_boundary(who: Caller) -> None:
    name = stack_name()
    deploy(who, name, of(R=role()))
    stack = deploy(who, name, of(R=role(PermissionsBoundary=None)), "UPDATE")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "iam:DeleteRolePermissionsBoundary" in reasons(who, stack["StackId"])


def test_a_function_never_gets_a_role_of_the_environment(who: Caller) -> None:
    where = staged(who, zipped(app="def handler(event, context): return 1\n"))
    template = of(F=function(where, PREPROD.role_arn(Role.DEPLOYER)))
    stack = deploy(who, stack_name(), template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"iam:PassRole on resource: {PREPROD.role_arn(Role.DEPLOYER)}" in reasons(
        who, stack["StackId"]
    )


def test_code_outside_the_account_is_not_read(who: Caller) -> None:
    where = {"Bucket": PREPROD.artifact_bucket, "Key": "x"}
    template = of(R=role(), F=function(where, {"Fn::GetAtt": ["R", "Arn"]}))
    stack = deploy(who, stack_name(), template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "perform: s3:GetObject on resource" in reasons(who, stack["StackId"])


def test_an_update_beyond_the_service_role_rolls_back(who: Caller) -> None:
    name = stack_name()
    deploy(who, name, of(**QUEUE))
    stack = deploy(who, name, of(**QUEUE, **NETWORK), "UPDATE")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "ec2:CreateVpc" in reasons(who, stack["StackId"])


def test_what_the_service_role_may_not_delete_stays(root: Caller) -> None:
    name = stack_name()
    named = role(RoleName="elsewhere", PermissionsBoundary=None)
    cloudformation = root.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(of(Role=named)),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stack = rest(root, name)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName=name, RoleARN=SERVICE_ROLE)
    assert rest(root, stack["StackId"])["StackStatus"] == "DELETE_FAILED"
    assert "is not authorized to perform: iam:DeleteRole" in reasons(root, stack["StackId"])


def test_a_stack_keeps_its_service_role_whoever_changes_it(who: Caller, root: Caller) -> None:
    name = stack_name()
    deploy(who, name, of(**QUEUE))
    root.client("cloudformation").update_stack(
        StackName=name, TemplateBody=json.dumps(of(**QUEUE, **NETWORK))
    )
    assert rest(root, name)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_nested_stack_is_made_by_the_service_role_of_its_parent(who: Caller) -> None:
    where = staged(who, json.dumps(of(**NETWORK)).encode())
    url = "https://{Bucket}.s3.eu-central-1.amazonaws.com/{Key}".format(**where)
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
    stack = deploy(who, stack_name(), of(Inner=nested, **QUEUE))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = who.client("cloudformation").describe_stack_events(StackName=stack["StackId"])
    (inner,) = {
        event["PhysicalResourceId"]
        for event in events["StackEvents"]
        if (event["LogicalResourceId"], event["ResourceStatus"]) == ("Inner", "CREATE_FAILED")
    }
    assert "failed to create: [Network]" in reasons(who, stack["StackId"])
    assert "ec2:CreateVpc" in reasons(who, inner)


def test_a_template_reads_parameters_of_others_and_where_names_have_a_prefix_no_secret_of_theirs(
    box: Sandbox, who: Caller
) -> None:
    for environment in ("preprod", "prod"):
        make, named = caller(box, f"{environment}-runtime-root"), f"acme-{environment}-x-y"
        make.client("ssm").put_parameter(Name="/x/y", Value=named, Type="String", Overwrite=True)
        make.client("secretsmanager").create_secret(Name="x-y", SecretString="acme-x")
    secret = named_by("{{resolve:secretsmanager:x-y}}")

    read = deploy(who, stack_name(), named_by("{{resolve:ssm:/x/y}}"))
    free = deploy(who, stack_name(), secret)
    prod, name = deployer(box, PROD), PROD.prefix + uuid.uuid4().hex[:8]
    try:
        told = reasons(prod, deploy(prod, name, secret, names=PROD)["StackId"])
    except ClientError as refused:
        told = str(refused)

    assert [one["StackStatus"] for one in (read, free)] == ["CREATE_COMPLETE"] * 2
    assert "is not authorized to perform: secretsmanager:GetSecretV" in told


def named_by(value: str) -> Template:
    return of(Queue={"Type": "AWS::SQS::Queue", "Properties": {"QueueName": value}})


@pytest.fixture(scope="module")
def reader(root: Caller) -> str:
    """A service role that makes queues and reads the parameters below /allowed/ alone."""
    principal = {"Service": "cloudformation.amazonaws.com"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    read = allow("ssm:GetParameters", "arn:aws:ssm:*:*:parameter/allowed/*")
    iam, name = root.client("iam"), "test-reader"
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]
    policy = document(read, allow("sqs:*", "*"))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    for parameter in ("allowed", "refused"):
        value = f"acme-preprod-{parameter}"
        root.client("ssm").put_parameter(Name=f"/{parameter}/x", Value=value, Type="String")
    return str(made["Arn"])


def by_reference(name: str) -> Template:
    return named_by("{{resolve:ssm:" + name + "}}")


def by_parameter(name: str) -> Template:
    parameter = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": name}
    return named_by("typed") | {"Parameters": {"P": parameter}}


@pytest.mark.parametrize("template", [by_reference, by_parameter])
def test_a_parameter_that_the_service_role_may_not_read_is_not_read(
    root: Caller, reader: str, template: Callable[[str], Template]
) -> None:
    told: list[str] = []
    for name in ("/allowed/x", "/refused/x"):
        stack, body = stack_name(), json.dumps(template(name))
        try:
            root.client("cloudformation").create_stack(
                StackName=stack, TemplateBody=body, RoleARN=reader
            )
            told.append(rest(root, stack)["StackStatus"] + reasons(root, stack))
        except ClientError as refused:
            told.append(str(refused))

    assert told[0].startswith("CREATE_COMPLETE")
    assert not told[1].startswith("CREATE_COMPLETE")
    parameter = f"arn:aws:ssm:{root.region}:{PREPROD.environment.runtime_account}:parameter"
    assert f"perform: ssm:GetParameters on resource: {parameter}/refused/x" in told[1]


def test_without_a_service_role_a_stack_has_the_permissions_of_its_caller(root: Caller) -> None:
    allowed = {"Effect": "Allow", "Action": ["cloudformation:*", "sqs:*"], "Resource": "*"}
    who = role_with(root, "test-stack-maker", allowed)
    cloudformation = who.client("cloudformation")
    for resources, status in (
        (QUEUE, "CREATE_COMPLETE"),
        ({"Topic": {"Type": "AWS::SNS::Topic"}}, "ROLLBACK_COMPLETE"),
    ):
        name = stack_name()
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(of(**resources)))
        assert rest(who, name)["StackStatus"] == status


def test_nothing_is_imported_into_a_stack(who: Caller, root: Caller) -> None:
    url = root.client("sqs").create_queue(QueueName="somebodys")["QueueUrl"]
    queue = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain"}
    with pytest.raises(ClientError, match="explicit deny in an identity-based policy"):
        who.client("cloudformation").create_change_set(
            StackName=stack_name(),
            ChangeSetName="import",
            ChangeSetType="IMPORT",
            RoleARN=SERVICE_ROLE,
            TemplateBody=json.dumps(of(Queue=queue)),
            ResourcesToImport=[
                {
                    "ResourceType": "AWS::SQS::Queue",
                    "LogicalResourceId": "Queue",
                    "ResourceIdentifier": {"QueueUrl": url},
                }
            ],
        )


def test_a_role_that_does_not_trust_cloudformation_is_no_service_role(root: Caller) -> None:
    with pytest.raises(ClientError, match="is invalid or cannot be assumed"):
        root.client("cloudformation").create_stack(
            StackName=stack_name(),
            TemplateBody=json.dumps(of(**QUEUE)),
            RoleARN=PREPROD.role_arn(Role.DEPLOYER),
        )


def test_a_weighted_alias_splits_its_traffic(who: Caller, root: Caller) -> None:
    body = "def handler(event, context):\n    return context.function_version\n"
    where = staged(who, zipped(app=body))
    template = of(R=role(), F=function(where, {"Fn::GetAtt": ["R", "Arn"]}))
    template["Outputs"] = {"Name": {"Value": {"Ref": "F"}}}
    name = outputs(deploy(who, stack_name(), template))["Name"]
    functions = root.client("lambda")
    first = functions.publish_version(FunctionName=name)["Version"]
    functions.update_function_configuration(FunctionName=name, Description="second")
    second = eventually(lambda: functions.publish_version(FunctionName=name)["Version"])
    functions.create_alias(
        FunctionName=name,
        Name="live",
        FunctionVersion=first,
        RoutingConfig={"AdditionalVersionWeights": {second: 0.5}},
    )
    seen = [
        functions.invoke(FunctionName=name, Qualifier="live", InvocationType="DryRun")[
            "ResponseMetadata"
        ]["HTTPHeaders"]["x-amz-executed-version"]
        for _ in range(60)
    ]
    assert set(seen) == {first, second}
    functions.update_alias(FunctionName=name, Name="live", RoutingConfig={})
    answer = functions.invoke(FunctionName=name, Qualifier="live", InvocationType="DryRun")
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-executed-version"] == first
