"""The ledger in the artifact bucket: entries are created once and never changed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pydantic import ValidationError

from tiercel.domain.base.digests import ArtifactId, canonical_json
from tiercel.domain.base.errors import ArtifactConflictError, RefusedInputError
from tiercel.domain.base.record import read_stored
from tiercel.domain.organization.access import Records
from tiercel.domain.release.entries import Entry, UnreadableEntry
from tiercel.domain.release.ledger import (
    Intent,
    Outcome,
    Rejection,
    Release,
    entries_of,
    intent_key,
    outcome_key,
    rejected_artifacts,
    rejection_key,
    resumable,
    stack_prefix,
)
from tiercel.domain.release.live import Live, live_of
from tiercel.tasks.aws.objects import create_object, list_keys, read_object
from tiercel.tasks.engine.task import world_task

_HISTORY = 50
"""Releases of a stack that are searched for an artifact; older ones are too old to promote."""
_AT_ONCE = 8
"""Stacks whose entries are read at the same time."""


@world_task("read newest release", "read newest release of {stack}")
def newest_release(records: Records, stack: str, known: Release | None = None) -> Release | None:
    """Return the stack's newest entry of the ledger, or None if it has none.

    An entry that is `known` is not read again, unless something was added to it.
    """
    keys = list_keys(records.access, records.bucket, stack_prefix(stack))
    numbers = entries_of(keys).get(stack, ())
    if not numbers:
        return None
    if known and known.intent.number == numbers[-1] and _is_whole(known, keys):
        return known
    return _read(records, stack, numbers[-1], keys)


def _is_whole(known: Release, keys: Collection[str]) -> bool:
    """Tell whether nothing was added to an entry: what is there by then never changes."""
    parts = zip(
        _all_keys(known.intent.stack, known.intent.number), (known.outcome, known.rejection),
        strict=True,
    )  # fmt: skip
    return all((key in keys) == (part is not None) for key, part in parts)


@world_task("read release", "read release {number} of {stack}")
def read_release(records: Records, stack: str, number: int) -> Release | None:
    """Return one entry of the ledger, or None if there is none of that number."""
    keys = list_keys(records.access, records.bucket, stack_prefix(stack))
    if number not in entries_of(keys).get(stack, ()):
        return None
    return _read(records, stack, number, keys)


@world_task("read history", "read history of {stack}")
def read_history(records: Records, stack: str) -> list[Entry]:
    """Return the stack's entries, the newest first, as far back as promotions look."""
    keys = list_keys(records.access, records.bucket, stack_prefix(stack))
    numbers = entries_of(keys).get(stack, ())
    return [_entry(records, stack, number, keys) for number in numbers[: -_HISTORY - 1 : -1]]


@world_task("record intent", "record intent for {intent.stack}")
def record_intent(records: Records, intent: Intent) -> Intent | None:
    """Create the intent under its number and return it, None if the number is taken.

    If another run has just recorded the same wish, that intent is returned: two runs of one
    release go on together, where two releases would overwrite each other.
    """
    stack, number = intent.stack, intent.number
    try:
        create_object(records.access, records.bucket, intent_key(stack, number), _body(intent))
    except ArtifactConflictError:
        taken = _read(records, stack, number, _all_keys(stack, number))
        return taken.intent if resumable(taken, intent) else None
    return intent


@world_task("record outcome", "record outcome of {intent.stack} release {intent.number}")
def record_outcome(records: Records, intent: Intent, outcome: Outcome) -> Release:
    """Create the outcome of a release; if it has one already, that one stands."""
    key = outcome_key(intent.stack, intent.number)
    try:
        create_object(records.access, records.bucket, key, _body(outcome))
    except ArtifactConflictError:
        keys = _all_keys(intent.stack, intent.number)
        return _read(records, intent.stack, intent.number, keys)
    return Release(intent=intent, outcome=outcome)


@world_task("reject release", "reject release {number} of {stack}")
def record_rejection(records: Records, stack: str, number: int, rejection: Rejection) -> Release:
    """Rule a release out for good and return it; a rejection that is there already stands.

    Raises RefusedInputError if the ledger has no such release.
    """
    keys = list_keys(records.access, records.bucket, stack_prefix(stack))
    if number not in entries_of(keys).get(stack, ()):
        raise no_release(stack, number, records.bucket)
    key = rejection_key(stack, number)
    with suppress(ArtifactConflictError):
        create_object(records.access, records.bucket, key, _body(rejection))
    return _read(records, stack, number, [*keys, key])


def no_release(stack: str, number: int, bucket: str) -> RefusedInputError:
    """Return the error for a release that the ledger does not have."""
    return RefusedInputError(
        "ledger.no_release",
        f"stack {stack} has no release {number}",
        where=f"s3://{bucket}/{stack_prefix(stack)}",
        state="nothing was changed",
        remedy="see `tiercel releases` for the releases of every stack",
    )


@world_task("read rejections", "read rejections of {stack}")
def read_rejected_artifacts(records: Records, stack: str) -> dict[ArtifactId, Rejection]:
    """Return the ids of the artifacts of which a release of the stack was ruled out for good.

    However old that release is: no rejection is ever taken back.
    """
    keys = list_keys(records.access, records.bucket, stack_prefix(stack))
    numbers = entries_of(keys).get(stack, ())
    rejections = {number: rejection_key(stack, number) for number in numbers}
    return rejected_artifacts(
        _read(records, stack, number, [key]) for number, key in rejections.items() if key in keys
    )


@world_task("read newest entries")
def read_newest_entries(
    records: Records, newest: int, counts: Callable[[str], bool]
) -> tuple[frozenset[str], list[Entry]]:
    """Return all stacks that the ledger knows, and up to `newest` entries of each that counts."""
    keys = set(list_keys(records.access, records.bucket, "ledger/"))
    entries = entries_of(keys)
    wanted = [
        (stack, number)
        for stack, numbers in entries.items()
        if counts(stack)
        for number in numbers[: -newest - 1 : -1]
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda one: _entry(records, one[0], one[1], keys), wanted)
        return frozenset(entries), list(found)


@world_task("read live releases")
def read_live_releases(records: Records) -> list[Live]:
    """Return what each stack of the environment runs, and what came after, by their names."""
    keys = set(list_keys(records.access, records.bucket, "ledger/"))
    entries = entries_of(keys)

    def live(stack: str) -> Live:
        newest_first = reversed(entries[stack])
        return live_of(stack, (_entry(records, stack, number, keys) for number in newest_first))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(live, entries))


def _all_keys(stack: str, number: int) -> tuple[str, ...]:
    """Return the keys that an entry may have, for readers who have not listed them."""
    return outcome_key(stack, number), rejection_key(stack, number)


def _body(entry: Intent | Outcome | Rejection) -> bytes:
    """Lone surrogates, as in the name of a file that is no UTF-8, could never be read again."""
    return canonical_json(entry.model_dump(mode="json")).decode(errors="replace").encode()


def _entry(records: Records, stack: str, number: int, keys: Collection[str]) -> Entry:
    """Return an entry among others, which one that cannot be read does not hide."""
    try:
        return _read(records, stack, number, keys)
    except RefusedInputError as error:
        return UnreadableEntry(stack, number, error.failure)


def _read(records: Records, stack: str, number: int, keys: Collection[str]) -> Release:
    """Return an entry; what is not among the keys is not asked for.

    Raises RefusedInputError if it is damaged or if a newer Tiercel wrote it.
    """
    where = f"s3://{records.bucket}/"
    intent = read_object(records.access, records.bucket, intent_key(stack, number))
    outcome, rejection = (
        read_object(records.access, records.bucket, key) if key in keys else None
        for key in _all_keys(stack, number)
    )
    try:
        release = Release(
            intent=read_stored(Intent, intent or b"", where + intent_key(stack, number)),
            outcome=read_stored(Outcome, outcome, where + outcome_key(stack, number))
            if outcome is not None
            else None,
            rejection=read_stored(Rejection, rejection, where + rejection_key(stack, number))
            if rejection is not None
            else None,
        )
    except ValidationError as error:
        raise _damaged(records.bucket, stack, number, str(error)) from error
    if (release.intent.stack, release.intent.number) != (stack, number):
        why = f"it says that it is entry {release.intent.number} of {release.intent.stack}"
        raise _damaged(records.bucket, stack, number, why)
    return release


def _damaged(bucket: str, stack: str, number: int, why: str) -> RefusedInputError:
    return RefusedInputError(
        "ledger.entry_damaged",
        f"entry {number} of the ledger cannot be read",
        where=f"s3://{bucket}/{stack_prefix(stack)}{number:08d}/",
        why=why,
        state="nothing was changed",
        remedy="an administrator removes the newer versions of its objects, for which the policy "
        "of the bucket has to be taken off and provisioned again; the first one is Tiercel's",
    )
