"""What the newest look for drift found: one object of the artifact bucket, written over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from tiercel.domain.base.record import read_stored
from tiercel.domain.drift.report import DRIFT_KEY, DriftReport
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import read_whole
from tiercel.tasks.aws.versions import write_over
from tiercel.tasks.engine.task import world_task

_READ = "read what drifted"


@dataclass(frozen=True)
class KeptDrift:
    """A report, the version that the next write has to meet, and when it was read."""

    report: DriftReport | None
    version: str
    now: datetime


@world_task(_READ)
def read_drift(records: Records) -> KeptDrift:
    """Return the newest report, and the time by the bucket's own clock.

    One that cannot be read is none: then nobody has looked, and a gate that requires a look stays
    closed.
    """
    where = f"s3://{records.bucket}/{DRIFT_KEY}"
    with translated(_READ, where):
        try:
            answer = client("s3", records.access).get_object(Bucket=records.bucket, Key=DRIFT_KEY)
            body = read_whole(answer, where)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return KeptDrift(None, "", _time_of(error.response))
            raise
    now = _time_of(answer)
    with suppress(ValidationError):
        return KeptDrift(read_stored(DriftReport, body, where), answer["ETag"], now)
    return KeptDrift(None, answer["ETag"], now)


@world_task("record what drifted")
def record_drift(records: Records, report: DriftReport, version: str) -> bool:
    """Write a report over this version; False if another look was first, which stands then."""
    body = report.to_bytes()
    return bool(write_over(records, DRIFT_KEY, body, version, "record what drifted"))


def _time_of(answer: Any) -> datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
