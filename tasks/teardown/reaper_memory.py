"""What the reaper remembers, in the artifact bucket: changed by conditional writes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from tiercel.domain.base.record import read_stored
from tiercel.domain.organization.access import Records
from tiercel.domain.teardown.reaper import MEMORY_KEY, ReaperMemory
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import read_whole
from tiercel.tasks.aws.versions import write_over
from tiercel.tasks.engine.task import world_task


@dataclass(frozen=True)
class KeptMemory:
    """A memory, the version that the next write has to meet, and when it was read."""

    memory: ReaperMemory
    version: str
    now: datetime


@world_task("read the reaper's memory")
def read_memory(records: Records) -> KeptMemory:
    """Return what is remembered, and the time by the bucket's own clock.

    A worker whose clock is ahead would delete too early. A memory that cannot be read is none:
    every thing is then seen for the first time again, and goes later.
    """
    where = f"s3://{records.bucket}/{MEMORY_KEY}"
    with translated("read the reaper's memory", where):
        try:
            answer = client("s3", records.access).get_object(Bucket=records.bucket, Key=MEMORY_KEY)
            body = read_whole(answer, where)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return KeptMemory(ReaperMemory(), "", _time_of(error.response))
            raise
    now = _time_of(answer)
    with suppress(ValidationError):
        return KeptMemory(read_stored(ReaperMemory, body, where), answer["ETag"], now)
    return KeptMemory(ReaperMemory(), answer["ETag"], now)


def _time_of(answer: Any) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


@world_task("write the reaper's memory")
def write_memory(records: Records, memory: ReaperMemory, version: str) -> bool:
    """Write what is remembered over this version; False if another run was first.

    That one has seen the same things.
    """
    doing = "write the reaper's memory"
    return bool(write_over(records, MEMORY_KEY, memory.to_bytes(), version, doing))
