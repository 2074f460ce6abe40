"""Words on plans, in the environment's own ledger."""

from __future__ import annotations

from pydantic import ValidationError

from tiercel.domain.approvals.words import Word, words_prefix
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import read_stored
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.objects import list_keys, read_object
from tiercel.tasks.engine.task import world_task


@world_task("read words")
def read_words(records: Records, digest: str) -> tuple[Word, ...]:
    """Return the words that were given on a plan; RefusedInputError for one that is damaged."""
    keys = list_keys(records.access, records.bucket, words_prefix(digest))
    return tuple(_read(records, key) for key in keys)


def _read(records: Records, key: str) -> Word:
    where = f"s3://{records.bucket}/{key}"
    body = read_object(records.access, records.bucket, key)
    try:
        return read_stored(Word, body or b"", where)
    except ValidationError as error:
        raise RefusedInputError(
            "promotion.word_damaged",
            "a word on a promotion cannot be read",
            where=where,
            why=str(error),
            state="nothing was changed",
            remedy="find out who wrote it; decline the promotion and begin it anew",
        ) from error
