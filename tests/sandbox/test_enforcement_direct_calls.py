"""Calls of services past CloudFormation: roles are passed with permission, dry runs do nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.support import PREPROD, Caller, allow, caller, document, role_with, zipped
from tiercel.sandbox.lifecycle import Sandbox

HERE = "222222222222"
PASSED = f"arn:aws:iam::{HERE}:role/test-passed"
SQS = f"arn:aws:sqs:eu-central-1:{HERE}:any"
ONE_STATE = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'

CALLS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "lambda": (
        "lambda",
        lambda client, name: client.create_function(
            FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=PASSED,
            Code={"ZipFile": zipped(app="def handler(event, context): ...")},
        ),
    ),
    "states": (
        "stepfunctions",
        lambda client, name: client.create_state_machine(
            name=name, definition=ONE_STATE, roleArn=PASSED
        ),
    ),
    "scheduler": (
        "scheduler",
        lambda client, name: client.create_schedule(
            Name=name, ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": SQS, "RoleArn": PASSED},
        ),
    ),
    "pipes": (
        "pipes",
        lambda client, name: client.create_pipe(
            Name=name, Source=SQS, Target=f"{SQS}2", RoleArn=PASSED
        ),
    ),
    "codebuild": (
        "codebuild",
        lambda client, name: client.create_project(
            name=name, source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
            artifacts={"type": "NO_ARTIFACTS"}, serviceRole=PASSED,
            environment={
                "type": "LINUX_CONTAINER", "image": "any", "computeType": "BUILD_GENERAL1_SMALL"
            },
        ),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def root(box: Sandbox) -> Caller:
    found = caller(box, "preprod-runtime-root")
    service = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "*"}}
    found.client("iam").create_role(
        RoleName="test-passed", AssumeRolePolicyDocument=document(service)
    )
    return found


@pytest.mark.parametrize("service", CALLS)
def test_a_role_is_passed_with_permission_alone_and_to_the_service_that_was_meant(
    root: Caller, service: str
) -> None:
    name, call = CALLS[service]
    may_call = allow(f"{service}:*", "*")
    principal = f"{service}.amazonaws.com"
    others = {"Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}
    meant = {"Condition": {"StringEquals": {"iam:PassedToService": principal}}}
    for number, more in enumerate(([], [allow("iam:PassRole", PASSED) | others])):
        who = role_with(root, f"test-{service}-{number}", may_call, *more)
        with pytest.raises(ClientError, match="iam:PassRole"):
            call(who.client(name), f"test-{service}")
    who = role_with(root, f"test-{service}-2", may_call, allow("iam:PassRole", PASSED) | meant)
    call(who.client(name), f"test-{service}")


def code_of_dry_run(call: Callable[..., Any], **arguments: Any) -> str:
    try:
        call(**arguments, DryRun=True)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_a_dry_run_of_ec2_says_that_it_would_succeed_and_makes_nothing(root: Caller) -> None:
    ec2 = root.client("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    assert code_of_dry_run(ec2.create_vpc, CidrBlock="10.9.0.0/16") == "DryRunOperation"
    assert len(ec2.describe_vpcs()["Vpcs"]) == before


def test_a_dry_run_of_who_may_not_is_refused_as_the_call_itself(root: Caller) -> None:
    who = role_with(root, "test-no-network", allow("s3:*", "*")).client("ec2")
    refused = code_of_dry_run(who.create_vpc, CidrBlock="10.9.0.0/16")
    assert refused not in ("", "DryRunOperation")


def test_a_key_signs_and_decrypts_nothing_in_a_dry_run(box: Sandbox) -> None:
    kms = caller(box, "preprod-infrastructure-root").client("kms")
    signing = {"KeyId": PREPROD.signing_key_alias, "SigningAlgorithm": "ECDSA_SHA_256"}
    assert code_of_dry_run(kms.sign, **signing, Message=b"m") == "DryRunOperationException"
    key = {"KeyId": PREPROD.artifact_key_alias}
    assert code_of_dry_run(kms.encrypt, **key, Plaintext=b"x") == "DryRunOperationException"
    assert code_of_dry_run(kms.encrypt, KeyId="alias/none", Plaintext=b"x") == "NotFoundException"


def test_a_dry_run_leaves_a_functions_code_as_it_was(root: Caller) -> None:
    client = root.client("lambda")
    code = zipped(app="def handler(event, context): ...")
    client.create_function(
        FunctionName="test-dry", Runtime="python3.11", Handler="app.handler", Role=PASSED,
        Code={"ZipFile": code},
    )  # fmt: skip
    before = client.get_function_configuration(FunctionName="test-dry")["CodeSha256"]
    other = zipped(app="def handler(event, context): return 1")
    client.update_function_code(FunctionName="test-dry", ZipFile=other, DryRun=True)
    assert client.get_function_configuration(FunctionName="test-dry")["CodeSha256"] == before
