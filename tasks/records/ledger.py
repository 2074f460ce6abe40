"""The ledger in the artifact bucket: entries are created once and never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from tiercel.domain.release.live import Live, live_of, needed_entries
from tiercel.tasks.aws.objects import create_object, list_etags, read_listed
from tiercel.tasks.engine.task import world_task

_HISTORY = 50
"""Releases of a stack that are searched for an artifact; older ones are too old to promote."""
_AT_ONCE = 8
"""Stacks whose entries are read at the same time."""


@world_task("read newest release", "read newest release of {stack}")
def newest_release(records: Records, stack: str) -> Release | None:
    """Return the stack's newest entry of the ledger, or None if it has none."""
    listed = _listed(records, stack)
    numbers = entries_of(listed).get(stack, ())
    return _read(records, stack, numbers[-1], listed) if numbers else None


@world_task("read release", "read release {number} of {stack}")
def read_release(records: Records, stack: str, number: int) -> Release | None:
    """Return one entry of the ledger, or None if there is none of that number."""
    listed = _listed(records, stack)
    if number not in entries_of(listed).get(stack, ()):
        return None
    return _read(records, stack, number, listed)


@world_task("read history", "read history of {stack}")
def read_history(records: Records, stack: str) -> list[Entry]:
    """Return the stack's entries, the newest first, as far back as promotions look."""
    listed = _listed(records, stack)
    numbers = entries_of(listed).get(stack, ())
    return [_entry(records, stack, number, listed) for number in numbers[: -_HISTORY - 1 : -1]]


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
        taken = _read(records, stack, number, _listed(records, stack))
        return taken.intent if resumable(taken, intent) else None
    return intent


@world_task("record outcome", "record outcome of {intent.stack} release {intent.number}")
def record_outcome(records: Records, intent: Intent, outcome: Outcome) -> Release:
    """Create the outcome of a release; if it has one already, that one stands."""
    key = outcome_key(intent.stack, intent.number)
    try:
        create_object(records.access, records.bucket, key, _body(outcome))
    except ArtifactConflictError:
        return _read(records, intent.stack, intent.number, _listed(records, intent.stack))
    return Release(intent=intent, outcome=outcome)


@world_task("reject release", "reject release {number} of {stack}")
def record_rejection(records: Records, stack: str, number: int, rejection: Rejection) -> Release:
    """Rule a release out for good and return it; a rejection that is there already stands.

    Raises RefusedInputError if the ledger has no such release.
    """
    listed = _listed(records, stack)
    if number not in entries_of(listed).get(stack, ()):
        raise no_release(stack, number, records.bucket)
    key = rejection_key(stack, number)
    with suppress(ArtifactConflictError):
        create_object(records.access, records.bucket, key, _body(rejection))
    return _read(records, stack, number, _listed(records, stack))


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
    listed = _listed(records, stack)
    numbers = entries_of(listed).get(stack, ())
    return rejected_artifacts(
        _read(records, stack, number, _without(listed, outcome_key(stack, number)))
        for number in numbers
        if rejection_key(stack, number) in listed
    )


@world_task("read newest entries")
def read_newest_entries(
    records: Records, newest: int, counts: Callable[[str], bool]
) -> tuple[frozenset[str], list[Entry]]:
    """Return all stacks that the ledger knows, and up to `newest` entries of each that counts."""
    listed = list_etags(records.access, records.bucket, "ledger/")
    entries = entries_of(listed)
    wanted = [
        (stack, number)
        for stack, numbers in entries.items()
        if counts(stack)
        for number in numbers[: -newest - 1 : -1]
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda one: _entry(records, one[0], one[1], listed), wanted)
        return frozenset(entries), list(found)


@world_task("read needed entries")
def read_needed_entries(
    records: Records, least: int, counts: Callable[[str], bool]
) -> tuple[frozenset[str], list[Entry]]:
    """Return all stacks that the ledger knows, and of each that counts what it may need again.

    That are its `least` newest entries, and those back to the one that it runs.
    """
    listed = list_etags(records.access, records.bucket, "ledger/")
    entries = entries_of(listed)

    def needed(stack: str) -> list[Entry]:
        newest_first = reversed(entries[stack])
        read = (_entry(records, stack, number, listed) for number in newest_first)
        return list(needed_entries(read, least))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(needed, filter(counts, entries))
        return frozenset(entries), [entry for of_stack in found for entry in of_stack]


@world_task("read live releases")
def read_live_releases(records: Records) -> list[Live]:
    """Return what each stack of the environment runs, and what came after, by their names."""
    listed = list_etags(records.access, records.bucket, "ledger/")
    entries = entries_of(listed)

    def live(stack: str) -> Live:
        newest_first = reversed(entries[stack])
        return live_of(stack, (_entry(records, stack, number, listed) for number in newest_first))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(live, entries))


def _listed(records: Records, stack: str) -> dict[str, str]:
    """Return the ETags of the stack's objects by their keys."""
    return list_etags(records.access, records.bucket, stack_prefix(stack))


def _without(listed: Mapping[str, str], key: str) -> dict[str, str]:
    return {one: etag for one, etag in listed.items() if one != key}


def _body(entry: Intent | Outcome | Rejection) -> bytes:
    """Lone surrogates, as in the name of a file that is no UTF-8, could never be read again."""
    return canonical_json(entry.model_dump(mode="json")).decode(errors="replace").encode()


def _entry(records: Records, stack: str, number: int, listed: Mapping[str, str]) -> Entry:
    """Return an entry among others, which one that cannot be read does not hide."""
    try:
        return _read(records, stack, number, listed)
    except RefusedInputError as error:
        return UnreadableEntry(stack, number, error.failure)


def _read(records: Records, stack: str, number: int, listed: Mapping[str, str]) -> Release:
    """Return an entry; what is not listed is not asked for.

    Raises RefusedInputError if it is damaged or if a newer Tiercel wrote it.
    """
    where = f"s3://{records.bucket}/"
    intent, outcome, rejection = (
        read_listed(records.access, records.bucket, key, listed[key]) if key in listed else None
        for key in (
            intent_key(stack, number),
            outcome_key(stack, number),
            rejection_key(stack, number),
        )
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
