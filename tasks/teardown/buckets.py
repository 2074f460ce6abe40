"""Buckets that are emptied, so that they or their stack can go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.engine.task import world_task

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef


@world_task("empty bucket", "empty bucket {bucket}")
def empty_bucket(access: Access, bucket: str) -> int:
    """Remove every version of every object and every delete marker; return how many.

    A bucket that is gone has none. What is written meanwhile may stay. Repeatable. Raises
    DeployFailedError if S3 keeps any.
    """
    with translated("empty a bucket", _where(access, bucket)):
        try:
            return _emptied(access, bucket)
        except ClientError as error:
            if code_of(error) != "NoSuchBucket":
                raise
            return 0


def _emptied(access: Access, bucket: str) -> int:
    """A page has at most 1,000 versions, as many as DeleteObjects takes.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    removed = 0
    for page in client("s3", access).get_paginator("list_object_versions").paginate(Bucket=bucket):
        listed = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        some: list[ObjectIdentifierTypeDef] = [
            {"Key": one["Key"], "VersionId": one["VersionId"]} for one in listed
        ]
        if not some:
            continue
        answer = client("s3", access).delete_objects(
            Bucket=bucket, Delete={"Objects": some, "Quiet": True}
        )
        failed = answer.get("Errors", [])
        if failed:
            raise _kept(_where(access, bucket), str(failed[0].get("Message", "")), len(failed))
        removed += len(some)
    return removed


def _where(access: Access, bucket: str) -> str:
    return f"s3://{bucket}, account {access.account}"


def _kept(where: str, why: str, count: int) -> DeployFailedError:
    return DeployFailedError(
        "teardown.objects_kept",
        "a bucket is not empty and cannot be emptied",
        where=where,
        why=f"S3 keeps {count} versions: {why}",
        state="what could be removed is removed",
        remedy="take off what protects them (a bucket policy, a legal hold, a retention), or "
        "leave the bucket out; then run it again",
    )
