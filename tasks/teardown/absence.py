"""Whether what a deleted stack had is really gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from botocore.exceptions import ClientError

from tiercel.domain.drill.inventory import DATA_KINDS, DataKind, SeenResource
from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import DENIED_CODES, code_of, translated
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import run_logger, world_task

_FIRST_LOOK_SECONDS = 0.5
_LONGEST_LOOK_SECONDS = 10.0
_AT_ONCE = 16
"""Resources that are looked for at the same time."""
_CLOSED = " (access denied: if another account has this name by now, it is gone)"
_ABSENT = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)


@world_task("wait until gone")
def wait_until_gone(
    access: Access,
    resources: Iterable[SeenResource],
    longest_seconds: float,
    is_over: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Wait until none of these is there; return the names of those that still are at the end.

    That is after so many seconds, or as soon as it `is_over`, which is asked between two looks, or
    nothing but buckets that may not be looked at is left: waiting opens none.
    Buckets, tables and queues are looked for; of other types CloudFormation's word is taken. A
    bucket that may not be looked at is not proven gone, and is told so: its name may be another
    account's by now, and if that was raised, the drill would never come to its end.
    """
    waiting = [one for one in resources if _is_looked_for(one)]
    until, delay = time.monotonic() + longest_seconds, _FIRST_LOOK_SECONDS
    while True:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            told = list(pool.map(partial(_still_there, access), waiting))
        waiting = [one for one, name in zip(waiting, told, strict=True) if name]
        left = sorted(filter(None, told))
        is_settled = all(name.endswith(_CLOSED) for name in left)
        if is_settled or time.monotonic() >= until or is_over():
            return left
        run_logger().info("%d resources are still going", len(waiting))
        pause(delay)
        delay = min(_LONGEST_LOOK_SECONDS, delay * 2)


def _is_looked_for(resource: SeenResource) -> bool:
    return DATA_KINDS.get(resource.resource_type) in _LOOKS and bool(resource.physical_id)


def _still_there(access: Access, resource: SeenResource) -> str:
    """Return the name of what is there, an empty text if it is gone."""
    kind = DATA_KINDS[resource.resource_type]
    with translated("look whether a resource is gone", f"account {access.account}"):
        try:
            _LOOKS[kind](access, resource.physical_id)
        except ClientError as error:
            if code_of(error) in _ABSENT:
                return ""
            if kind is DataKind.BUCKET and code_of(error) in DENIED_CODES:
                return f"{resource.physical_id}{_CLOSED}"
            raise
    return resource.physical_id


def _bucket(access: Access, name: str) -> None:
    client("s3", access).list_object_versions(Bucket=name, MaxKeys=1)


def _table(access: Access, name: str) -> None:
    client("dynamodb", access).describe_table(TableName=name)


def _queue(access: Access, url: str) -> None:
    client("sqs", access).get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])


_LOOKS: Mapping[DataKind, Callable[[Access, str], None]] = {
    DataKind.BUCKET: _bucket,
    DataKind.TABLE: _table,
    DataKind.QUEUE: _queue,
}
