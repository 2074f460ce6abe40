"""Single things that are deleted: what is gone already is no failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.stack.change_sets import discard_change_set
from tiercel.tasks.stack.stacks import where_is

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

_GONE = (
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
)
_AT_ONCE = 1000
"""As many as DeleteObjects takes:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html."""


@world_task("delete change set", "delete change set {name}")
def delete_change_set(access: Access, name: str, change_set_id: str) -> None:
    """Delete a change set of a stack, given as STACK/CHANGE_SET and by its id."""
    stack = name.partition("/")[0]
    with translated("delete a change set", where_is(access, stack)):
        discard_change_set(access, stack, change_set_id)


@world_task("delete log group", "delete log group {name}")
def delete_log_group(access: Access, name: str) -> None:
    """Delete a log group and all that it has."""
    _delete(
        "delete a log group",
        f"log group {name}, account {access.account}",
        lambda: client("logs", access).delete_log_group(logGroupName=name),
    )


@world_task("delete bucket", "delete bucket {name}")
def delete_bucket(access: Access, name: str) -> None:
    """Delete a bucket that is empty."""
    _delete(
        "delete a bucket",
        f"s3://{name}, account {access.account}",
        lambda: client("s3", access).delete_bucket(Bucket=name, ExpectedBucketOwner=access.account),
    )


@world_task("delete table", "delete table {name}")
def delete_table(access: Access, name: str) -> None:
    """Delete a table and its items."""
    _delete(
        "delete a table",
        f"table {name}, account {access.account}",
        lambda: client("dynamodb", access).delete_table(TableName=name),
    )


@world_task("delete queue", "delete queue {name}")
def delete_queue(reader: Access, access: Access, name: str) -> None:
    """Delete a queue and its messages; `reader` finds its address."""

    def delete() -> None:
        url = client("sqs", reader).get_queue_url(QueueName=name)["QueueUrl"]
        client("sqs", access).delete_queue(QueueUrl=url)

    _delete("delete a queue", f"queue {name}, account {access.account}", delete)


def _delete(what: str, where: str, deletion: Callable[[], object]) -> None:
    with translated(what, where):
        try:
            deletion()
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise


@world_task("remove staged packages", "remove packages from {bucket}")
def remove_staged(access: Access, bucket: str, keys: Sequence[str]) -> int:
    """Remove every version of these objects, and return of how many versions.

    Raises DeployFailedError if S3 keeps any.
    """
    wanted, removed = set(keys), 0
    with translated("remove what is staged", f"s3://{bucket}"):
        pages = client("s3", access).get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix="packages/"):
            listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            some: list[ObjectIdentifierTypeDef] = [
                {"Key": one["Key"], "VersionId": one["VersionId"]}
                for one in listed
                if one["Key"] in wanted
            ]
            removed += delete_versions(access, bucket, some)
    return removed


def delete_versions(
    access: Access, bucket: str, versions: Sequence[ObjectIdentifierTypeDef]
) -> int:
    """Remove versions of objects, or put delete markers on those without a version id."""
    for start in range(0, len(versions), _AT_ONCE):
        some = list(versions[start : start + _AT_ONCE])
        answer = client("s3", access).delete_objects(
            Bucket=bucket, Delete={"Objects": some, "Quiet": True}
        )
        failed = answer.get("Errors", [])
        if failed:
            raise DeployFailedError(
                "reap.objects_kept",
                "objects cannot be removed",
                where=f"s3://{bucket}/{failed[0].get('Key', '')}",
                why=f"S3 keeps {len(failed)} versions: {failed[0].get('Message', '')}",
                state="what could be removed is removed",
                remedy="take off what protects them, then run it again",
            )
    return len(versions)
