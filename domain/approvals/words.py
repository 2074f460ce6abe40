"""A word: who approves or declines a plan, and who vouches that it is he."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tiercel.domain.approvals.plans import APPROVALS_PREFIX
from tiercel.domain.base.digests import PlanDigest
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.text import printable

LONGEST_WORD_REASON = 500


class Voucher(StrEnum):
    """Who says that an account is who it is."""

    GITHUB = "github"
    AWS = "aws"


class Word(StoredRecord):
    """Written once: what an approver says of a plan.

    `by` is his name in the worker's file, `account` the numeric id of his account on GitHub or the
    ARN that STS answered. `evidence` is `review ID on COMMIT`, or the request's signature.
    `overrides` are the gates that he opens with it, each by its name.
    """

    format: Annotated[int, Field(strict=True, ge=1)] = 1

    plan_digest: PlanDigest
    approves: bool
    by: str
    vouched_by: Voucher
    account: str
    reason: str
    at: datetime
    evidence: str
    overrides: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """Who says so, for people."""
        return f"{self.by} ({self.vouched_by})"

    @property
    def why(self) -> str:
        """The reason, as it can be shown."""
        return printable(self.reason, LONGEST_WORD_REASON)


def words_prefix(digest: str) -> str:
    """Return where the words on a plan are."""
    return f"{APPROVALS_PREFIX}words/{digest}/"


def word_key(word: Word) -> str:
    """Return the key under which a word is created, once: the same evidence is the same word."""
    name = word.evidence.replace(" ", "-")
    return f"{words_prefix(word.plan_digest)}{word.vouched_by}-{name}.json"


def lasting(words: Iterable[Word]) -> tuple[Word, ...]:
    """Return the recorded words that count as they were recorded.

    An approving review counts only while it stands on GitHub, so it is read there each time.
    """
    return tuple(one for one in words if one.vouched_by is Voucher.AWS or not one.approves)
