"""Ways to break an environment's accounts, each of which undoes itself; see test_check.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache, partial
from typing import Any

import pytest

from tests.sandbox.support import PREPROD
from tests.support.aws import root_client
from tests.tasks.faults import Answer, Question, go_between
from tiercel.domain.organization.names import GITHUB_ISSUER, Role
from tiercel.sandbox.accounts import storage
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.clients import forget_clients

Breakage = Callable[["Roots"], Iterator[None]]
"""Breaks something until the first `yield`, and puts it back after it."""

Change = Callable[[dict[str, Any]], None]
INLINE = "permissions"


class Roots:
    """Who may break anything: the roots of Preprod's two accounts."""

    def __init__(self, box: Sandbox) -> None:
        self.client = cache(partial(root_client, box))

    def infrastructure(self, service: str) -> Any:
        return self.client("preprod-infrastructure-root", service)

    def runtime(self, service: str) -> Any:
        return self.client("preprod-runtime-root", service)

    def iam(self, role: Role) -> Any:
        infrastructure = PREPROD.account_of(role) == PREPROD.environment.infrastructure_account
        return self.infrastructure("iam") if infrastructure else self.runtime("iam")


@contextmanager
def broken(breakage: Breakage, roots: Roots) -> Iterator[None]:
    """Inside, something is broken; afterwards it is not, whatever happened."""
    steps = breakage(roots)
    next(steps)
    try:
        yield
    finally:
        next(steps, None)


def setting(account: str, bucket: str, put: str, wrong: Any, right: Any) -> Breakage:
    """Call one of S3's operations with the wrong value, later with the right one."""

    def steps(roots: Roots) -> Iterator[None]:
        s3 = getattr(roots, account)("s3")
        operation, key = put.split()
        getattr(s3, operation)(Bucket=bucket, **{key: wrong})
        yield
        getattr(s3, operation)(Bucket=bucket, **{key: right})

    return steps


def without_public_block(roots: Roots) -> Iterator[None]:
    s3, bucket = roots.runtime("s3"), PREPROD.staging_bucket
    found = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=bucket)
    yield
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=found)


def without_lifecycle(roots: Roots) -> Iterator[None]:
    s3, bucket = roots.infrastructure("s3"), PREPROD.artifact_bucket
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    s3.delete_bucket_lifecycle(Bucket=bucket)
    yield
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def another_key(roots: Roots) -> Iterator[None]:
    s3, bucket = roots.infrastructure("s3"), PREPROD.artifact_bucket
    found = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    wrong = json.loads(json.dumps(found))
    other = "arn:aws:kms:eu-central-1:111111111111:key/00000000-0000-4000-8000-000000000000"
    wrong["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = other
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=wrong)
    yield
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=found)


def no_staging_bucket(roots: Roots) -> Iterator[None]:
    s3, kms, bucket = roots.runtime("s3"), roots.infrastructure("kms"), PREPROD.staging_bucket
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    key = kms.describe_key(KeyId=PREPROD.artifact_key_alias)["KeyMetadata"]["Arn"]
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    yield
    storage.ensure_bucket(s3, bucket, "eu-central-1", key, policy)


def bucket_policy(change: Change) -> Breakage:
    def steps(roots: Roots) -> Iterator[None]:
        s3, bucket = roots.infrastructure("s3"), PREPROD.artifact_bucket
        text = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        policy = json.loads(text)
        change(policy)
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        yield
        s3.put_bucket_policy(Bucket=bucket, Policy=text)

    return steps


def trust(role: Role, change: Change) -> Breakage:
    def steps(roots: Roots) -> Iterator[None]:
        iam, name = roots.iam(role), PREPROD.role(role)
        right = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        wrong = json.loads(json.dumps(right))
        change(wrong)
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(wrong))
        yield
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(right))

    return steps


def permissions(role: Role, change: Change) -> Breakage:
    def steps(roots: Roots) -> Iterator[None]:
        iam, place = roots.iam(role), {"RoleName": PREPROD.role(role), "PolicyName": INLINE}
        right = iam.get_role_policy(**place)["PolicyDocument"]
        wrong = json.loads(json.dumps(right))
        change(wrong)
        iam.put_role_policy(**place, PolicyDocument=json.dumps(wrong))
        yield
        iam.put_role_policy(**place, PolicyDocument=json.dumps(right))

    return steps


def key_policy(alias: str, change: Change) -> Breakage:
    def steps(roots: Roots) -> Iterator[None]:
        kms = roots.infrastructure("kms")
        key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
        text = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        policy = json.loads(text)
        change(policy)
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
        yield
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=text)

    return steps


def signing_disabled(roots: Roots) -> Iterator[None]:
    kms = roots.infrastructure("kms")
    key = kms.describe_key(KeyId=PREPROD.signing_key_alias)["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    yield
    kms.enable_key(KeyId=key)


def alias_elsewhere(roots: Roots) -> Iterator[None]:
    kms, alias = roots.infrastructure("kms"), PREPROD.artifact_key_alias
    right = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=alias, TargetKeyId=other)
    yield
    kms.update_alias(AliasName=alias, TargetKeyId=right)
    kms.schedule_key_deletion(KeyId=other, PendingWindowInDays=7)


def unbounded(roots: Roots) -> Iterator[None]:
    iam, name = roots.runtime("iam"), PREPROD.role(Role.CLOUDFORMATION)
    iam.delete_role_permissions_boundary(RoleName=name)
    yield
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=PREPROD.boundary_arn)


def another_boundary(roots: Roots) -> Iterator[None]:
    iam, arn = roots.runtime("iam"), PREPROD.boundary_arn
    right = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=right)["PolicyVersion"]["Document"]
    document = json.loads(json.dumps(found))
    without(document, "KeepWhatIsProtected")
    wrong = iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True
    )["PolicyVersion"]["VersionId"]
    yield
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(found), SetAsDefault=True)
    for version in (right, wrong):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)


def no_builder(roots: Roots) -> Iterator[None]:
    iam, name = roots.infrastructure("iam"), PREPROD.role(Role.BUILDER)
    document = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    place = {"RoleName": name, "PolicyName": INLINE}
    inline = iam.get_role_policy(**place)["PolicyDocument"]
    iam.delete_role_policy(**place)
    iam.delete_role(RoleName=name)
    yield
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
    iam.put_role_policy(**place, PolicyDocument=json.dumps(inline))


def one_policy_more(roots: Roots) -> Iterator[None]:
    iam = roots.runtime("iam")
    place = {"RoleName": PREPROD.role(Role.DEPLOYER), "PolicyName": "just-for-today"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [everything]}
    iam.put_role_policy(**place, PolicyDocument=json.dumps(document))
    yield
    iam.delete_role_policy(**place)


def no_provider(roots: Roots) -> Iterator[None]:
    iam, arn = roots.infrastructure("iam"), PREPROD.github_provider_arn
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    yield
    iam.create_open_id_connect_provider(
        Url=f"https://{GITHUB_ISSUER}",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["0" * 40],
    )


def clock_runs_ahead(_: Roots) -> Iterator[None]:
    """AWS's answers are dated ten minutes back, as they look to a clock that is fast."""

    def alter(_: Question, answer: Answer) -> Answer:
        return replace(answer, headers=tuple(map(_earlier, answer.headers)))

    with go_between(alter) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", url)
        patch.setenv("no_proxy", "")
        forget_clients()
        yield
    forget_clients()


def _earlier(header: tuple[str, str]) -> tuple[str, str]:
    name, value = header
    if name.lower() != "date":
        return header
    moment = parsedate_to_datetime(value)
    return name, format_datetime(moment.replace(year=moment.year - 1), usegmt=True)


# What changes of documents look like.


def without(policy: dict[str, Any], sid: str) -> None:
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != sid]


def lacking(sid: str) -> Change:
    return lambda policy: without(policy, sid)


def statement(policy: dict[str, Any], sid: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in policy["Statement"] if one["Sid"] == sid)
    return found


def with_one_more(policy: dict[str, Any]) -> None:
    more = {"Sid": "More", "Effect": "Allow", "Action": "iam:*", "Resource": "*"}
    policy["Statement"].append(more)


def naming_a_deleted_role(policy: dict[str, Any]) -> None:
    statement(policy, "ItsSessionsCarryTheRun")["Principal"]["AWS"] = "AROAJQABLZS4A3QDU576Q"


def bucket_naming_a_deleted_role(policy: dict[str, Any]) -> None:
    statement(policy, "DeployerListsArtifacts")["Principal"]["AWS"] = "AROAJQABLZS4A3QDU576Q"


def without_external_id(policy: dict[str, Any]) -> None:
    del statement(policy, "OrchestratorOfThisEnvironmentMayDeploy")["Condition"]["StringEquals"]


def with_another_external_id(policy: dict[str, Any]) -> None:
    tests = statement(policy, "OrchestratorOfThisEnvironmentMayDeploy")["Condition"]
    tests["StringEquals"]["sts:ExternalId"] = "acme-other-000000"


def without_subject(policy: dict[str, Any]) -> None:
    del policy["Statement"][0]["Condition"]["StringLike"]


def without_audience(policy: dict[str, Any]) -> None:
    del policy["Statement"][0]["Condition"]["StringEquals"]


def open_to_all_of_github(policy: dict[str, Any]) -> None:
    policy["Statement"][0]["Condition"]["StringLike"] = {f"{GITHUB_ISSUER}:sub": "repo:acme/*"}


def key_open_to_the_account(policy: dict[str, Any]) -> None:
    del statement(policy, "RuntimeAccountUsesTheKeyThroughS3")["Condition"]
