"""The records of drills in the artifact bucket: each is created once, but for the open drill."""

from __future__ import annotations

from typing import TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.errors import ArtifactConflictError, RefusedInputError
from tiercel.domain.base.record import StoredRecord, read_stored
from tiercel.domain.drill.failures import require_approved_plan
from tiercel.domain.drill.record import (
    OPEN_DRILL,
    Begun,
    DrillStep,
    OpenDrill,
    Phase,
    drill_prefix,
    numbers_of,
    plan_key,
    report_key,
    step_key,
)
from tiercel.domain.drill.report import DrillReport
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import create_object, list_keys, read_object
from tiercel.tasks.aws.versions import write_over
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import run_logger, world_task

_R = TypeVar("_R", bound=StoredRecord)

_LOOK_SECONDS = 5.0
_TELL_SECONDS = 60.0


@world_task("read open drill")
def read_open_drill(records: Records) -> OpenDrill | None:
    """Return the drill that is open in this bucket, None if there is none."""
    found = _marker(records)[0]
    return found if found and not found.closed else None


@world_task("wait for drill", "wait for the drill of {prefix}*")
def wait_for_drill(records: Records, prefix: str, own: int = 0) -> bool:
    """Wait as long as another drill than the own is open for stacks of this prefix.

    Returns whether there was anything to wait for. Says so once a minute.
    """
    waited = 0.0
    while True:
        drill = read_open_drill.fn(records)
        if drill is None or not drill.stops(prefix, own):
            return waited > 0
        if waited % _TELL_SECONDS == 0:
            run_logger().info(
                "waiting for drill %d of %s, which is open since %s: `tiercel rebuild %s` goes on "
                "with one that was killed, and with --give-up ends one that cannot be rebuilt",
                drill.number, drill.environment, f"{drill.at:%Y-%m-%d %H:%M:%S}",
                drill.environment,
            )  # fmt: skip
        pause(_LOOK_SECONDS)
        waited += _LOOK_SECONDS


@world_task("begin drill", "begin drill {begun.number}")
def begin_drill(records: Records, begun: Begun) -> bool:
    """Write the plan down under its number; False if another drill took the number first."""
    try:
        _create(records, plan_key(begun.number), begun)
    except ArtifactConflictError:
        return False
    return True


@world_task("open drill", "open drill {drill.number}")
def open_drill(records: Records, drill: OpenDrill) -> OpenDrill:
    """Make every other run wait; return the drill that is open now: this one, or another."""
    return _marked(records, drill)


@world_task("close drill", "close drill {drill.number}")
def close_drill(records: Records, drill: OpenDrill) -> None:
    """Let other runs go on. Repeatable; another drill that was opened since stays open."""
    found, version = _marker(records)
    if found and found.number == drill.number and not found.closed:
        _put(records, drill.model_copy(update={"closed": True}), version)


@world_task("read drill", "read drill {number}")
def read_drill(records: Records, number: int) -> Begun:
    """Return the plan of a drill.

    Raises RefusedInputError if there is none of that number, or if it is not what was approved.
    """
    found = _read(records, Begun, plan_key(number))
    if found is None:
        raise no_drill(number, records.bucket)
    require_approved_plan(found)
    return found


@world_task("record step", "record {step.phase} {step.stack}")
def record_step(records: Records, number: int, step: DrillStep) -> DrillStep:
    """Write down how a step ended; if that stands there already, that one stands."""
    key = step_key(number, step.phase, step.stack)
    try:
        _create(records, key, step)
    except ArtifactConflictError:
        return _read(records, DrillStep, key) or step
    return step


@world_task("read step", "read step of drill {number}")
def read_step(records: Records, number: int, phase: Phase, stack: str = "") -> DrillStep | None:
    """Return how a step ended, None if it has not."""
    return _read(records, DrillStep, step_key(number, phase, stack))


def is_proven_empty(records: Records, number: int) -> bool:
    """Tell whether a run of a drill has looked: it rebuilds, and nothing will be gone again."""
    return read_step.fn(records, number, Phase.PROVE_EMPTY) is not None


@world_task("read steps", "read steps of drill {number}")
def read_drill_steps(records: Records, number: int) -> list[DrillStep]:
    """Return every step of a drill that has ended."""
    special = {plan_key(number), report_key(number)}
    keys = list_keys(records.access, records.bucket, drill_prefix(number))
    found = (_read(records, DrillStep, key) for key in sorted(set(keys) - special))
    return [one for one in found if one]


@world_task("record report", "record report of drill {report.number}")
def record_report(records: Records, report: DrillReport) -> DrillReport:
    """Write the report down; one that stands there already stands."""
    key = report_key(report.number)
    try:
        _create(records, key, report)
    except ArtifactConflictError:
        return _read(records, DrillReport, key) or report
    return report


@world_task("read reports")
def read_reports(records: Records, newest: int) -> list[DrillReport]:
    """Return the reports of the newest drills that have ended, the newest first."""
    keys = set(list_keys(records.access, records.bucket, "drills/"))
    numbers = [one for one in numbers_of(keys) if report_key(one) in keys]
    found = (_read(records, DrillReport, report_key(one)) for one in numbers[: -newest - 1 : -1])
    return [one for one in found if one]


@world_task("list drills")
def list_drills(records: Records) -> list[int]:
    """Return the numbers of all drills that were begun, the oldest first."""
    return list(numbers_of(list_keys(records.access, records.bucket, "drills/")))


def no_drill(number: int, bucket: str) -> RefusedInputError:
    """Return the error for a drill that there is not."""
    return RefusedInputError(
        "drill.no_such_drill",
        f"there is no drill {number}",
        where=f"s3://{bucket}/{drill_prefix(number)}",
        state="nothing was changed",
        remedy="see `tiercel drills` for all of them",
    )


def _marked(records: Records, drill: OpenDrill) -> OpenDrill:
    for _ in range(20):
        found, version = _marker(records)
        if found and not found.closed:
            return found
        if _put(records, drill, version):
            return drill
    raise RefusedInputError(
        "drill.not_opened",
        "the drill cannot be opened",
        where=f"s3://{records.bucket}/{OPEN_DRILL}",
        why="others write there all the time",
        state="nothing was deleted",
        remedy="find out who writes there, then run it again",
    )


def _marker(records: Records) -> tuple[OpenDrill | None, str]:
    where = f"s3://{records.bucket}/{OPEN_DRILL}"
    with translated("read whether a drill is open", where):
        try:
            answer = client("s3", records.access).get_object(Bucket=records.bucket, Key=OPEN_DRILL)
            body = answer["Body"].read()
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None, ""
            raise
    return _parsed(OpenDrill, body, where), answer["ETag"]


def _put(records: Records, drill: OpenDrill, version: str) -> bool:
    """Write over this version, over none if it is empty; False if somebody else was faster."""
    body = canonical_json(drill.model_dump(mode="json"))
    return bool(write_over(records, OPEN_DRILL, body, version, "write which drill is open"))


def _create(records: Records, key: str, record: StoredRecord) -> None:
    body = canonical_json(record.model_dump(mode="json")).decode(errors="replace").encode()
    create_object(records.access, records.bucket, key, body)


def _read(records: Records, kind: type[_R], key: str) -> _R | None:
    body = read_object(records.access, records.bucket, key)
    return _parsed(kind, body, f"s3://{records.bucket}/{key}") if body is not None else None


def _parsed(kind: type[_R], body: bytes, where: str) -> _R:
    try:
        return read_stored(kind, body, where)
    except ValidationError as error:
        raise RefusedInputError(
            "drill.record_damaged",
            "the record of a drill cannot be read",
            where=where,
            why=str(error),
            state="nothing was changed",
            remedy="find out who wrote it; the role `retention` removes its newer versions",
        ) from error
