"""The ledger in the artifact bucket: entries are created once and never changed."""

from __future__ import annotations

from pydantic import ValidationError

from domain.access import Access
from domain.digests import canonical_json
from domain.errors import ArtifactConflictError, RefusedInputError, TransientError
from domain.ledger import (
    Intent,
    Outcome,
    Release,
    entries_of,
    intent_key,
    outcome_key,
    stack_prefix,
)
from tasks.storage import create_object, list_keys, read_object
from tasks.task import world_task

_RACES = 20
"""How many other writers may take a number before this one gives up."""


@world_task("read newest release", "read newest release of {stack}")
def newest_release(access: Access, bucket: str, stack: str) -> Release | None:
    """Return the stack's newest entry of the ledger, or None if it has none."""
    numbers = entries_of(list_keys(access, bucket, stack_prefix(stack))).get(stack, ())
    return _read(access, bucket, stack, numbers[-1]) if numbers else None


@world_task("record intent", "record intent for {intent.stack}")
def record_intent(access: Access, bucket: str, intent: Intent) -> Intent:
    """Create the intent under the first number that is free; return it with that number."""
    for number in range(intent.number, intent.number + _RACES):
        numbered = intent.model_copy(update={"number": number})
        body = canonical_json(numbered.model_dump(mode="json"))
        try:
            create_object(access, bucket, intent_key(intent.stack, number), body)
        except ArtifactConflictError:
            continue
        return numbered
    raise TransientError(
        "no number of the ledger could be taken",
        where=f"s3://{bucket}/{stack_prefix(intent.stack)}",
        why=f"{_RACES} other releases of this stack took a number at the same time",
        remedy="run it again",
    )


@world_task("record outcome", "record outcome of {intent.stack} release {intent.number}")
def record_outcome(access: Access, bucket: str, intent: Intent, outcome: Outcome) -> Release:
    """Create the outcome of a release; if it has one already, that one stands."""
    body = canonical_json(outcome.model_dump(mode="json"))
    try:
        create_object(access, bucket, outcome_key(intent.stack, intent.number), body)
    except ArtifactConflictError:
        return _read(access, bucket, intent.stack, intent.number)
    return Release(intent=intent, outcome=outcome)


@world_task("read ledger")
def read_ledger(access: Access, bucket: str, newest: int) -> list[Release]:
    """Return up to `newest` releases of every stack, the newest of each stack first."""
    entries = entries_of(list_keys(access, bucket, "ledger/"))
    return [
        _read(access, bucket, stack, number)
        for stack, numbers in entries.items()
        for number in numbers[: -newest - 1 : -1]
    ]


def _read(access: Access, bucket: str, stack: str, number: int) -> Release:
    intent = read_object(access, bucket, intent_key(stack, number))
    outcome = read_object(access, bucket, outcome_key(stack, number))
    try:
        return Release(
            intent=Intent.model_validate_json(intent or b""),
            outcome=Outcome.model_validate_json(outcome) if outcome is not None else None,
        )
    except ValidationError as error:
        raise RefusedInputError(
            f"entry {number} of the ledger cannot be read",
            where=f"s3://{bucket}/{intent_key(stack, number)}",
            why=str(error),
            state="nothing was changed",
            remedy="restore that object's first version, which Tiercel wrote, and run it again",
        ) from error
