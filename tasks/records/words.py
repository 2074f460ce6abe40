"""Words on plans, and the signed ones that are handed over: objects that are created once."""

from __future__ import annotations

from pydantic import ValidationError

from tiercel.domain.approvals.signed_words import SignedWord, offered_prefix
from tiercel.domain.approvals.words import Word, word_key, words_prefix
from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.errors import ArtifactConflictError, RefusedInputError
from tiercel.domain.base.record import R, read_stored
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.objects import create_object, list_keys, read_object
from tiercel.tasks.engine.task import run_logger, world_task


@world_task("read words")
def read_words(records: Records, digest: str) -> tuple[Word, ...]:
    """Return the words on a plan that were recorded.

    Raises RefusedInputError for one that cannot be read: it may decline.
    """
    keys = list_keys(records.access, records.bucket, words_prefix(digest))
    return tuple(_read(records, key, Word) for key in keys)


@world_task("record word", "record word of {word.by}")
def record_word(records: Records, word: Word) -> bool:
    """Create a word; False if the same evidence was recorded before, which then stands."""
    body = canonical_json(word.model_dump(mode="json"))
    try:
        return create_object(records.access, records.bucket, word_key(word), body)
    except ArtifactConflictError:
        return False


@world_task("list signed words")
def list_signed_words(records: Records, digest: str) -> list[str]:
    """Return the keys of the signed words on a plan that were handed over."""
    return list_keys(records.access, records.bucket, offered_prefix(digest))


@world_task("read signed word")
def read_signed_word(records: Records, key: str) -> SignedWord | None:
    """Return a signed word, None for what is none: it stops nobody else's."""
    try:
        return _read(records, key, SignedWord)
    except RefusedInputError as error:
        run_logger().warning("%s: %s", key, error.why)
        return None


@world_task("hand signed word over")
def hand_over(records: Records, word: SignedWord) -> None:
    """Create a signed word where the environment's runs look for it."""
    body = canonical_json(word.model_dump(mode="json"))
    create_object(records.access, records.bucket, word.key, body)


def _read(records: Records, key: str, kind: type[R]) -> R:
    where = f"s3://{records.bucket}/{key}"
    body = read_object(records.access, records.bucket, key)
    try:
        return read_stored(kind, body or b"", where)
    except ValidationError as error:
        raise RefusedInputError(
            "approvals.word_damaged",
            "what somebody said of a plan cannot be read",
            where=where,
            why="; ".join(
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
                for one in error.errors(include_input=False)
            ),
            state="nothing was changed",
            remedy="find out who wrote it, and let an administrator remove it; or promote "
            "something else, whose plan has words of its own",
        ) from error
