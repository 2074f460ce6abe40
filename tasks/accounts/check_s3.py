"""S3 for a check: the settings of a bucket, and whether objects pass between the accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tiercel.domain.accounts.observations import BucketSeen, Encryption, LifecycleRule, Unread
from tiercel.domain.base.errors import ArtifactConflictError
from tiercel.domain.base.values import PolicyDocument
from tiercel.domain.organization.access import Access
from tiercel.tasks.accounts.reading import seen
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.engine.task import world_task

MARKER_KEY = "checks/marker"
"""The one object that checks leave in an artifact bucket, where nothing can be deleted."""

_MARKED = b"Written by `tiercel check`, and read by it from every account that reads artifacts.\n"
_ABSENT = ("404", "NoSuchBucket", "NoSuchKey")


@world_task("read bucket", "read bucket {bucket}")
def read_bucket(access: Access, bucket: str) -> BucketSeen | Unread | None:
    """Return the settings of a bucket of the access's own account; None if there is none."""
    s3, place = client("s3", access), {"Bucket": bucket, "ExpectedBucketOwner": access.account}
    found = seen("find a bucket", f"s3://{bucket}", lambda: s3.head_bucket(**place), _ABSENT)
    if found is None or isinstance(found, Unread):
        return found

    def look(operation: str, absent: str = "") -> Any:
        what = f"read a bucket's settings ({operation})"
        return seen(what, f"s3://{bucket}", lambda: getattr(s3, operation)(**place), (absent,))

    public = look("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    owners = look("get_bucket_ownership_controls", "OwnershipControlsNotFoundError")
    encryption = look("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError")
    lifecycle = look("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
    versioning = look("get_bucket_versioning")
    policy = look("get_bucket_policy", "NoSuchBucketPolicy")
    return BucketSeen(
        versioning=_part(versioning, lambda answer: answer.get("Status")),
        blocks=_part(public, lambda answer: answer["PublicAccessBlockConfiguration"]),
        ownership=_part(owners, _ownership),
        encryption=_part(encryption, _encryption),
        lifecycle=_part(lifecycle, _lifecycle),
        policy=_part(policy, _policy),
    )


@world_task("leave marker", "leave marker in {bucket}")
def leave_marker(access: Access, bucket: str) -> None:
    """Write the marker unless it is there, and read it; TiercelError if one of these fails.

    It is always the same: S3 decides about the right to write it also where it exists.
    """
    create_object(access, bucket, MARKER_KEY, _MARKED)
    _read(access, bucket, MARKER_KEY)


@world_task("read marker", "read marker in {bucket}")
def read_marker(access: Access, bucket: str) -> bool:
    """Read the marker that another role left; False if no check has left one yet."""
    with translated("find the marker", f"s3://{bucket}/{MARKER_KEY}"):
        try:
            client("s3", access).head_object(Bucket=bucket, Key=MARKER_KEY)
        except ClientError as error:
            if code_of(error) in _ABSENT:
                return False
            raise
    _read(access, bucket, MARKER_KEY)
    return True


@world_task("try staging", "try staging in {bucket}")
def try_staging(access: Access, bucket: str, run: str) -> None:
    """Write an object of this run, read it and delete it for good; TiercelError if that fails."""
    s3, key = client("s3", access), f"checks/{run}"
    with translated("write an object", f"s3://{bucket}/{key}"):
        written = s3.put_object(Bucket=bucket, Key=key, Body=_MARKED)
    try:
        _read(access, bucket, key)
    finally:
        with translated("delete an object", f"s3://{bucket}/{key}"):
            if "VersionId" in written:
                s3.delete_object(Bucket=bucket, Key=key, VersionId=written["VersionId"])
            else:
                s3.delete_object(Bucket=bucket, Key=key)


def _read(access: Access, bucket: str, key: str) -> None:
    s3 = client("s3", access)
    with translated("read an object", f"s3://{bucket}/{key}"):
        s3.head_object(Bucket=bucket, Key=key)
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    if body != _MARKED:
        raise ArtifactConflictError(
            "check.marker_changed",
            "the marker has other bytes than the check writes",
            where=f"s3://{bucket}/{key}",
            remedy="find out who wrote it; only the orchestrator may",
        )


def _part(answer: Any, read: Any) -> Any:
    return answer if answer is None or isinstance(answer, Unread) else read(answer)


def _ownership(answer: Mapping[str, Any]) -> str | None:
    rules = answer["OwnershipControls"]["Rules"]
    return str(rules[0]["ObjectOwnership"]) if rules else None


def _encryption(answer: Mapping[str, Any]) -> Encryption | None:
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    if not default:
        return None
    return Encryption(
        algorithm=default["SSEAlgorithm"],
        key=default.get("KMSMasterKeyID", ""),
        bucket_key=bool(rules[0].get("BucketKeyEnabled")),
    )


def _lifecycle(answer: Mapping[str, Any]) -> tuple[LifecycleRule, ...]:
    return tuple(
        LifecycleRule(
            prefix=_prefix(rule),
            aborts_uploads="AbortIncompleteMultipartUpload" in rule,
            expires=bool({"Expiration", "NoncurrentVersionExpiration"} & set(rule)),
        )
        for rule in answer["Rules"]
        if rule["Status"] == "Enabled"
    )


def _prefix(rule: Mapping[str, Any]) -> str:
    """A filter by tag or size is narrower than its prefix says, so the rule is taken for wider."""
    filtered = rule.get("Filter") or {}
    found = filtered.get("And", filtered).get("Prefix", rule.get("Prefix", ""))
    return str(found)


def _policy(answer: Mapping[str, Any]) -> PolicyDocument:
    document: PolicyDocument = json.loads(answer["Policy"])
    return document
