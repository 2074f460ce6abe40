"""The lease of a stack in the artifact bucket: taken, renewed and given back by conditional writes.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from tiercel.domain.base.errors import LeaseLostError, RefusedInputError, TransientError
from tiercel.domain.base.record import read_stored
from tiercel.domain.organization.access import Records
from tiercel.domain.release.lease import Lease, is_held, lease_key, next_lease
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import read_whole
from tiercel.tasks.aws.versions import write_over
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import run_logger, world_task

_LOOK_SECONDS = 2.0
_TELL_SECONDS = 60.0


@dataclass(frozen=True)
class HeldLease:
    """A lease as it was last written, and the version that the next write has to meet.

    `since` is the monotonic time at which that write began.
    """

    records: Records
    lease: Lease
    version: str
    since: float

    @property
    def where(self) -> str:
        """The lease's place, as errors name it."""
        return f"s3://{self.records.bucket}/{lease_key(self.lease.stack)}"


@world_task("take lease", "take lease of {wanted.stack}")
def take_lease(records: Records, wanted: Lease) -> HeldLease:
    """Wait until nobody else changes the stack, and return the lease of it.

    Another writer that is alive is waited for however long its deploy takes, in sight; one
    that does not renew its lease any more is taken over.
    """
    told = -_TELL_SECONDS
    while True:
        began = time.monotonic()
        found, version, age = _read(records, wanted.stack)
        mine = next_lease(found, age, wanted)
        if mine is not None:
            mine = mine.renewed() if mine == found else mine
            written = _write(records, mine, version)
            if written:
                return HeldLease(records, mine, written, began)
            continue
        if found and began - told >= _TELL_SECONDS:
            told = began
            run_logger().info("%s: waiting for %s, which changes it", found.stack, found.holder)
        pause(_LOOK_SECONDS)


@world_task("look at lease", "look at lease of {stack}")
def is_leased(records: Records, stack: str) -> bool:
    """Tell whether a run that is alive has the lease of a stack."""
    found, _, age = _read(records, stack)
    return found is not None and is_held(found, age)


def renew_lease(held: HeldLease) -> HeldLease:
    """Write a sign of life; LeaseLostError if another writer took over meanwhile."""
    began = time.monotonic()
    renewed = held.lease.renewed()
    version = _write(held.records, renewed, held.version)
    if not version:
        found, version, _ = _read(held.records, held.lease.stack)
        if found == held.lease:
            raise TransientError(
                "lease.not_renewed", "the lease could not be renewed", where=held.where
            )
        if found != renewed:  # else the answer to our own write was lost
            raise _lost(held, found)
    return HeldLease(held.records, renewed, version, began)


def give_back_lease(held: HeldLease) -> None:
    """Let the next writer in at once; a lease that was taken over stays with its holder.

    A renewal of which the holder has not heard, because it was cancelled, is given back too.
    """
    if _write(held.records, held.lease.given_back(), held.version):
        return
    found, version, _ = _read(held.records, held.lease.stack)
    own = held.lease.holder, held.lease.fencing
    if found and (found.holder, found.fencing) == own and not found.released:
        _write(held.records, found.given_back(), version)


def _read(records: Records, stack: str) -> tuple[Lease | None, str, float]:
    """Return the lease, its version and its age in seconds by the bucket's own clock."""
    key = lease_key(stack)
    where = f"s3://{records.bucket}/{key}"
    with translated("read a lease", where):
        try:
            answer = client("s3", records.access).get_object(Bucket=records.bucket, Key=key)
            body = read_whole(answer, where)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None, "", 0.0
            raise
    try:
        return read_stored(Lease, body, where), answer["ETag"], _age_seconds(answer)
    except ValidationError as error:
        raise RefusedInputError(
            "lease.damaged",
            "a lease cannot be read",
            where=where,
            why=str(error),
            state="nothing was changed",
            remedy="find out who wrote it; when no run changes this stack, delete it as the role "
            "`retention`",
        ) from error


def _age_seconds(answer: Mapping[str, Any]) -> float:
    written: datetime = answer["LastModified"]
    now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    return (now - written).total_seconds()


def _write(records: Records, lease: Lease, version: str) -> str:
    """Write the lease over this version, none if it is empty; return the new one, empty if beaten.

    Whoever is beaten by itself finds the own holder at the next look.
    """
    return write_over(records, lease_key(lease.stack), lease.to_bytes(), version, "write a lease")


def _lost(held: HeldLease, found: Lease | None) -> LeaseLostError:
    return LeaseLostError(
        "lease.lost",
        f"the lease of stack {held.lease.stack} was lost",
        where=held.where,
        why=f"{found.holder if found else 'nobody'} has it now: this run gave no sign of life",
        state="this run changes nothing any more; CloudFormation ends what it was told",
        remedy="run it again: it goes on with what the other run left",
    )
