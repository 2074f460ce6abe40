"""Who holds the line of an environment: events in its artifact bucket, created once."""

from __future__ import annotations

from pydantic import ValidationError

from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.errors import ArtifactConflictError, RefusedInputError
from tiercel.domain.base.record import read_stored
from tiercel.domain.gates.holds import HOLDS_PREFIX, HoldEvent, hold_key, newest_hold_number
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.objects import create_object, list_keys, read_object
from tiercel.tasks.engine.task import world_task


@world_task("read hold")
def read_hold(records: Records) -> HoldEvent | None:
    """Return the newest event, be it a hold or its end; None if there never was one.

    Raises RefusedInputError for one that cannot be read: it may be a hold.
    """
    number = newest_hold_number(list_keys(records.access, records.bucket, HOLDS_PREFIX))
    if not number:
        return None
    where = f"s3://{records.bucket}/{hold_key(number)}"
    body = read_object(records.access, records.bucket, hold_key(number))
    try:
        return read_stored(HoldEvent, body or b"", where)
    except ValidationError as error:
        raise RefusedInputError(
            "gates.hold_damaged",
            "whether the line is held cannot be read",
            where=where,
            why=str(error),
            state="nothing was changed",
            remedy="find out who wrote it; the next `tiercel hold` or `tiercel resume` counts",
        ) from error


@world_task("record hold")
def record_hold(records: Records, event: HoldEvent) -> HoldEvent:
    """Create an event under the next number and return it; of two at once each gets its own."""
    while True:
        keys = list_keys(records.access, records.bucket, HOLDS_PREFIX)
        numbered = event.model_copy(update={"number": newest_hold_number(keys) + 1})
        body = canonical_json(numbered.model_dump(mode="json"))
        try:
            create_object(records.access, records.bucket, hold_key(numbered.number), body)
        except ArtifactConflictError:
            continue
        return numbered
