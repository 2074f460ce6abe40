from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.sandbox.support import (
    PREPROD,
    PROD,
    TOPOLOGY,
    Caller,
    allow,
    caller,
    deployer,
    document,
    orchestrator,
    role_with,
)
from tiercel.domain.organization.names import Names, Role
from tiercel.sandbox.lifecycle import Sandbox, up

AWS = Path(sys.executable).parent / "aws"


def command_line(box: Sandbox, profile: str, *arguments: str) -> Any:
    """Run the real AWS CLI with nothing but the sandbox's own variables."""
    environment = {"PATH": os.environ["PATH"]} | box.environ(profile)
    result = subprocess.run(
        [AWS, *arguments, "--output", "json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("profile", "arn"),
    [
        ("preprod", "arn:aws:iam::111111111111:user/operator"),
        ("prod", "arn:aws:iam::333333333333:user/operator"),
        ("preprod-infrastructure-root", "arn:aws:iam::111111111111:root"),
        ("preprod-runtime-root", "arn:aws:iam::222222222222:root"),
        ("prod-infrastructure-root", "arn:aws:iam::333333333333:root"),
        ("prod-runtime-root", "arn:aws:iam::444444444444:root"),
    ],
)
def test_every_profile_is_who_it_says(box: Sandbox, profile: str, arn: str) -> None:
    assert caller(box, profile).client("sts").get_caller_identity()["Arn"] == arn


def test_the_aws_command_line_works_unchanged(box: Sandbox) -> None:
    identity = command_line(box, "preprod", "sts", "get-caller-identity")
    assert identity["Arn"] == "arn:aws:iam::111111111111:user/operator"


def test_the_credentials_are_for_their_owner_only(box: Sandbox) -> None:
    assert stat.S_IMODE(box.credentials_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(box.state.stat().st_mode) == 0o700


def holdings(box: Sandbox, names: Names) -> dict[str, Any]:
    """Return what the seeding decides about an environment's accounts."""
    held: dict[str, Any] = {}
    for account in ("infrastructure", "runtime"):
        root = caller(box, f"{names.environment.name}-{account}-root")
        iam, s3, kms = (root.client(service) for service in ("iam", "s3", "kms"))
        held[account] = {
            "roles": [(r["RoleId"], r["AssumeRolePolicyDocument"]) for r in roles_of(iam)],
            "permissions": [
                iam.get_role_policy(RoleName=r["RoleName"], PolicyName="permissions")
                for r in roles_of(iam)
            ],
            "users": [u["UserId"] for u in iam.list_users()["Users"]],
            "keys": [k["KeyId"] for k in kms.list_keys()["Keys"]],
            "aliases": [(a["AliasName"], a["TargetKeyId"]) for a in kms.list_aliases()["Aliases"]],
            "buckets": [b["Name"] for b in s3.list_buckets()["Buckets"]],
        }
    for part in held.values():
        for policy in part["permissions"]:
            policy.pop("ResponseMetadata")
    return held


def roles_of(iam: Any) -> list[dict[str, Any]]:
    return [r for r in iam.list_roles()["Roles"] if r["RoleName"].split("-")[-1] in set(Role)]


def test_seeding_twice_changes_nothing(box: Sandbox) -> None:
    before = [holdings(box, PREPROD), holdings(box, PROD)]
    credentials = box.credentials_file.read_text()
    record = box.state / "sandbox.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"seeded": "something else"}))
    assert up(box.state, TOPOLOGY, prefect=False, github=False) == box
    assert [holdings(box, PREPROD), holdings(box, PROD)] == before
    assert box.credentials_file.read_text() == credentials


@pytest.mark.parametrize(
    ("profile", "bucket"),
    [
        ("preprod-infrastructure-root", PREPROD.artifact_bucket),
        ("preprod-runtime-root", PREPROD.staging_bucket),
        ("prod-infrastructure-root", PROD.artifact_bucket),
        ("prod-runtime-root", PROD.staging_bucket),
    ],
)
def test_buckets_are_versioned_private_and_encrypted_with_one_key(
    box: Sandbox, profile: str, bucket: str
) -> None:
    s3 = caller(box, profile).client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    rule = encryption["Rules"][0]
    assert rule["BucketKeyEnabled"]
    key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    infrastructure = profile.partition("-")[0] + "-infrastructure-root"
    kms = caller(box, infrastructure).client("kms")
    environment = Names.of(TOPOLOGY, profile.partition("-")[0])
    metadata = kms.describe_key(KeyId=environment.artifact_key_alias)["KeyMetadata"]
    assert key == metadata["Arn"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rules[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


@pytest.mark.parametrize("names", [PREPROD, PROD], ids=["preprod", "prod"])
def test_a_person_deploys_through_orchestrator_and_deployer(box: Sandbox, names: Names) -> None:
    arn = deployer(box, names).client("sts").get_caller_identity()["Arn"]
    account = names.environment.runtime_account
    assert arn == f"arn:aws:sts::{account}:assumed-role/{names.role(Role.DEPLOYER)}/test"


def test_the_operator_may_do_nothing_but_become_the_orchestrator(box: Sandbox) -> None:
    person = caller(box, "preprod")
    with pytest.raises(ClientError, match="AccessDenied"):
        person.client("s3").list_objects_v2(Bucket=PREPROD.artifact_bucket)
    with pytest.raises(ClientError, match="AccessDenied"):
        person.assume(PREPROD.role_arn(Role.BUILDER))


@pytest.mark.parametrize("more", [{}, {"ExternalId": "acme-prod-93be07"}], ids=["none", "other"])
@pytest.mark.parametrize("role", [Role.DEPLOYER, Role.AUDITOR])
def test_a_wrong_external_id_is_denied(box: Sandbox, role: Role, more: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        orchestrator(box, PREPROD).assume(PREPROD.role_arn(role), **more)


def test_only_the_orchestrator_of_the_environment_may_deploy(box: Sandbox) -> None:
    root = caller(box, "preprod-infrastructure-root")
    with pytest.raises(ClientError, match="AccessDenied"):
        root.assume(PREPROD.role_arn(Role.DEPLOYER), ExternalId=PREPROD.environment.external_id)


def test_the_orchestrator_of_preprod_never_becomes_the_deployer_of_prod(box: Sandbox) -> None:
    external_id = PROD.environment.external_id
    with pytest.raises(ClientError, match="AccessDenied"):
        orchestrator(box, PREPROD).assume(PROD.role_arn(Role.DEPLOYER), ExternalId=external_id)
    root = caller(box, "preprod-infrastructure-root")
    with pytest.raises(ClientError, match="AccessDenied"):
        root.assume(PROD.role_arn(Role.DEPLOYER), ExternalId=external_id)


def test_the_deployer_uses_the_artifact_key_only_through_s3(box: Sandbox) -> None:
    kms = caller(box, "preprod-infrastructure-root").client("kms")
    arn = kms.describe_key(KeyId=PREPROD.artifact_key_alias)["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError, match="AccessDenied"):
        deployer(box, PREPROD).client("kms").generate_data_key(KeyId=arn, KeySpec="AES_256")


def put(who: Caller, bucket: str, key: str) -> None:
    who.client("s3").put_object(Bucket=bucket, Key=key, Body=b"content")


def get(who: Caller, bucket: str, key: str) -> bytes:
    content: bytes = who.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def test_prod_pulls_from_preprod_and_preprod_reads_nothing_of_prod(box: Sandbox) -> None:
    preprod, prod = orchestrator(box, PREPROD), orchestrator(box, PROD)
    put(preprod, PREPROD.artifact_bucket, "test/direction")
    put(prod, PROD.artifact_bucket, "test/direction")
    assert get(prod, PREPROD.artifact_bucket, "test/direction") == b"content"
    for read in (
        lambda: get(preprod, PROD.artifact_bucket, "test/direction"),
        lambda: preprod.client("s3").list_objects_v2(Bucket=PROD.artifact_bucket),
        lambda: put(prod, PREPROD.artifact_bucket, "test/other"),
        lambda: get(deployer(box, PREPROD), PROD.artifact_bucket, "test/direction"),
        lambda: get(deployer(box, PROD), PREPROD.artifact_bucket, "test/direction"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            read()


def test_a_bucket_policy_alone_does_not_open_a_bucket_to_another_role(box: Sandbox) -> None:
    put(orchestrator(box, PREPROD), PREPROD.artifact_bucket, "test/auditor")
    external_id = PREPROD.environment.external_id
    auditor = orchestrator(box, PREPROD).assume(
        PREPROD.role_arn(Role.AUDITOR), ExternalId=external_id
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        get(auditor, PREPROD.artifact_bucket, "test/auditor")


def test_the_deployer_reads_artifacts_and_writes_only_to_staging(box: Sandbox) -> None:
    put(orchestrator(box, PREPROD), PREPROD.artifact_bucket, "test/artifact")
    who = deployer(box, PREPROD)
    assert get(who, PREPROD.artifact_bucket, "test/artifact") == b"content"
    put(who, PREPROD.staging_bucket, "test/artifact")
    with pytest.raises(ClientError, match="AccessDenied"):
        put(who, PREPROD.artifact_bucket, "test/artifact")


def test_objects_with_another_key_or_encryption_are_refused(box: Sandbox) -> None:
    s3 = orchestrator(box, PREPROD).client("s3")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(
            Bucket=PREPROD.artifact_bucket, Key="x", Body=b"", ServerSideEncryption="AES256"
        )


def test_requests_without_tls_are_refused(box: Sandbox) -> None:
    s3 = orchestrator(box, PREPROD).client("s3")
    s3.meta.events.register(
        "before-sign.s3",
        lambda request, **_: request.headers.add_header("X-Forwarded-Proto", "http"),
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket=PREPROD.artifact_bucket)


def test_only_the_orchestrator_signs_and_prod_can_verify(box: Sandbox) -> None:
    signer = orchestrator(box, PREPROD).client("kms")
    request = {"Message": b"statement", "SigningAlgorithm": "ECDSA_SHA_256"}
    signed = signer.sign(KeyId=PREPROD.signing_key_alias, **request)
    foreign = {"KeyId": signed["KeyId"], "Signature": signed["Signature"]} | request
    assert orchestrator(box, PROD).client("kms").verify(**foreign)["SignatureValid"]
    assert deployer(box, PREPROD).client("kms").verify(**foreign)["SignatureValid"]
    named = orchestrator(box, PROD).client("kms").get_public_key(KeyId=PREPROD.signing_key_arn)
    assert named["KeyId"] == signed["KeyId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        orchestrator(box, PREPROD).client("kms").get_public_key(KeyId=PROD.signing_key_arn)
    for who in (caller(box, "preprod-runtime-root"), deployer(box, PREPROD), deployer(box, PROD)):
        with pytest.raises(ClientError, match="AccessDenied"):
            who.client("kms").sign(KeyId=signed["KeyId"], **request)


@pytest.mark.parametrize(
    ("role_arn", "stack"),
    [
        (None, PREPROD.prefix + "x"),
        (PREPROD.role_arn(Role.DEPLOYER), PREPROD.prefix + "x"),
        (PREPROD.role_arn(Role.CLOUDFORMATION), "acme-prod-x"),
    ],
    ids=["no role", "another role", "another prefix"],
)
def test_the_deployer_changes_only_its_own_stacks_with_the_service_role(
    box: Sandbox, role_arn: str | None, stack: str
) -> None:
    cloudformation = deployer(box, PREPROD).client("cloudformation")
    role = {"RoleARN": role_arn} if role_arn else {}
    with pytest.raises(ClientError, match="AccessDenied"):
        cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName="x",
            ChangeSetType="CREATE",
            TemplateBody='{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}',
            **role,
        )


def shared_bucket(box: Sandbox, name: str, principal: Any) -> None:
    """Create a bucket in Preprod's RuntimeAccount whose object `x` its policy lets others read."""
    s3 = caller(box, "preprod-runtime-root").client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=name, Key="x", Body=b"content")
    s3.delete_public_access_block(Bucket=name)
    statement = allow("s3:GetObject", f"arn:aws:s3:::{name}/*") | {"Principal": principal}
    s3.put_bucket_policy(Bucket=name, Policy=document(statement))


def test_a_bucket_belongs_to_its_account_whoever_calls(box: Sandbox) -> None:
    shared_bucket(box, "test-owned", {"AWS": "arn:aws:iam::333333333333:root"})
    root = caller(box, "prod-infrastructure-root")
    for account, name in (("222222222222", "test-owner"), ("333333333333", "test-other-owner")):
        condition = {"Condition": {"StringEquals": {"aws:ResourceAccount": account}}}
        who = role_with(root, name, allow("s3:GetObject", "*") | condition)
        if account == "222222222222":
            assert get(who, "test-owned", "x") == b"content"
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                get(who, "test-owned", "x")


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_what_everybody_may_a_boundary_forbids_only_in_so_many_words(
    box: Sandbox, effect: str
) -> None:
    name = f"test-everybody-{effect.lower()}"
    shared_bucket(box, name, "*")
    root = caller(box, "preprod-runtime-root")
    narrow = allow("s3:GetObject", "arn:aws:s3:::elsewhere/*")
    forbidden = allow("s3:GetObject", "*") | {"Effect": "Deny"}
    iam = root.client("iam")
    text = document(narrow) if effect == "Allow" else document(narrow, forbidden)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=text)["Policy"]["Arn"]
    role_with(root, name, allow("sqs:ListQueues", "*"))
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=arn)
    who = root.assume(f"arn:aws:iam::222222222222:role/{name}")
    if effect == "Allow":
        assert get(who, name, "x") == b"content"
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            get(who, name, "x")


def test_naming_the_service_role_needs_pass_role(box: Sandbox) -> None:
    root = caller(box, "preprod-runtime-root")
    who = role_with(root, "test-stacks", allow("cloudformation:*", "*"))
    cloudformation = who.client("cloudformation")
    request = {
        "ChangeSetName": "x",
        "ChangeSetType": "CREATE",
        "TemplateBody": '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}',
    }
    cloudformation.create_change_set(StackName="test-without-role", **request)
    role_arn = PREPROD.role_arn(Role.CLOUDFORMATION)
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {role_arn}"):
        cloudformation.create_change_set(StackName="test-with-role", RoleARN=role_arn, **request)


def test_an_encrypted_object_is_read_and_written_only_with_its_key(box: Sandbox) -> None:
    put(orchestrator(box, PREPROD), PREPROD.artifact_bucket, "test/key")
    root = caller(box, "preprod-infrastructure-root")
    objects = f"arn:aws:s3:::{PREPROD.artifact_bucket}/*"
    who = role_with(root, "test-no-key", allow("s3:*", objects))
    with pytest.raises(ClientError, match="kms:Decrypt on resource: arn:aws:kms"):
        get(who, PREPROD.artifact_bucket, "test/key")
    with pytest.raises(ClientError, match="kms:GenerateDataKey on resource: arn:aws:kms"):
        put(who, PREPROD.artifact_bucket, "test/key")
    who.client("s3").head_object(Bucket=PREPROD.artifact_bucket, Key="test/key")


def test_another_key_is_refused_by_the_bucket(box: Sandbox) -> None:
    root = caller(box, "preprod-infrastructure-root")
    other = root.client("kms").create_key()["KeyMetadata"]["Arn"]
    who = role_with(root, "test-other-key", allow("s3:*", "*"), allow("kms:*", "*"))
    put(who, PREPROD.artifact_bucket, "test/own-key")
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        who.client("s3").put_object(
            Bucket=PREPROD.artifact_bucket,
            Key="test/other-key",
            Body=b"",
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=other,
        )


def test_anybody_who_does_not_sign_is_refused(box: Sandbox) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=box.aws_endpoint,
        region_name="eu-central-1",
        config=Config(signature_version=UNSIGNED),
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket=PREPROD.artifact_bucket)


def test_a_wrong_secret_is_refused(box: Sandbox) -> None:
    stranger = Caller(box.aws_endpoint, "eu-central-1", "111111111111", "test")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.client("sts").get_caller_identity()
