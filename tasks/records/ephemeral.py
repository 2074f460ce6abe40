"""The records of environments on demand, changed by conditional writes and never deleted."""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import ClientError
from pydantic import ValidationError

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import read_stored
from tiercel.domain.ephemeral.environments import RECORDS_PREFIX, EphemeralRecord, record_key
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import list_keys, read_whole
from tiercel.tasks.aws.versions import write_over
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task

EphemeralChange = Callable[[EphemeralRecord | None], EphemeralRecord]
"""From a record as it stands, None if there is none, to what it should be; pure."""

_BEATEN_SECONDS = 0.2


@world_task("read environment on demand", "read environment {name}")
def read_environment(records: Records, name: str) -> EphemeralRecord | None:
    """Return the record of an environment, None if there never was one of that name."""
    return _read(records, record_key(name))[0]


@world_task("read environments on demand")
def read_environments(records: Records) -> list[EphemeralRecord]:
    """Return the records of all environments that there are or were, by their names."""
    keys = list_keys(records.access, records.bucket, RECORDS_PREFIX)
    found = [_read(records, key)[0] for key in sorted(keys) if key.endswith(".json")]
    return [one for one in found if one is not None]


@world_task("change environment on demand", "change environment {name}")
def change_environment(records: Records, name: str, change: EphemeralChange) -> EphemeralRecord:
    """Change the record by what was decided about it as it stands, and return what stands then.

    Whoever is beaten by another writer decides again; a write whose answer was lost is beaten by
    itself, so a change has to be one that can be made twice. What stays the same is not written.
    Raises what the change raises.
    """
    key = record_key(name)
    while True:
        found, version = _read(records, key)
        wanted = change(found)
        if wanted == found or _written(records, key, wanted, version):
            return wanted
        pause(_BEATEN_SECONDS)


def _read(records: Records, key: str) -> tuple[EphemeralRecord | None, str]:
    where = f"s3://{records.bucket}/{key}"
    with translated("read an environment's record", where):
        try:
            answer = client("s3", records.access).get_object(Bucket=records.bucket, Key=key)
            body = read_whole(answer, where)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None, ""
            raise
    try:
        record = read_stored(EphemeralRecord, body, where)
    except ValidationError as error:
        raise _damaged(where, str(error)) from error
    if record_key(record.name) != key:
        raise _damaged(where, f"it says that it is of {record.name}")
    return record, answer["ETag"]


def _written(records: Records, key: str, record: EphemeralRecord, version: str) -> bool:
    doing = "write an environment's record"
    return bool(write_over(records, key, record.to_bytes(), version, doing))


def _damaged(where: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        "ephemeral.record_damaged",
        "the record of an environment on demand cannot be read",
        where=where,
        why=why,
        state="nothing was changed",
        remedy="find out who wrote it; an administrator removes its newer versions",
    )
