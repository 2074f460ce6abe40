"""A worker's file that demands approvals in Prod, and words that were given."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tiercel.domain.approvals.plans import WaitingPromotion
from tiercel.domain.approvals.signed_words import unsigned_word
from tiercel.domain.approvals.words import Voucher, Word, word_key
from tiercel.domain.base.digests import canonical_json
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names, Role
from tiercel.tasks.aws.clients import forget_clients
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.aws.word_signatures import signed_word
from tiercel.tasks.records.words import hand_over

ROOT = Path(__file__).parents[2]
APPROVER = 42_424_242
"""The account on GitHub of the one approver, who is nobody of the sandbox."""
PRINCIPAL = "arn:aws:iam::333333333333:user/approver"
"""The approver's user in the sandbox."""
_OPERATOR = "arn:aws:iam::333333333333:user/operator"
GATES = ("approvals = 0", "approvals = 1")
APPROVERS = (
    "approvers = []",
    f"""approvers = [
    {{name = "rae", github = {APPROVER}, aws = "{PRINCIPAL}"}},
    {{name = "ops", github = 1, aws = "{_OPERATOR}"}},
]""",
)
"""What the sandbox's worker's file says in place of what it says; the second one is who asks."""
_GATES = re.compile(r"(?ms)^\[environments\.prod\.gates\]\n.*?(?=^\[(?!environments\.prod\.gates))")


def demanding_approval(
    folder: Path, hours: int = 72, more: str = "", github: int = APPROVER
) -> Path:
    """Write the sandbox's tiercel.toml with one approval of one approver; return its path."""
    gates = f"""[environments.prod.gates]
approvals = 1
approval_hours = {hours}
{more}

[[environments.prod.gates.approvers]]
name = "rae"
github = {github}
aws = "{PRINCIPAL}"

"""
    return with_gates(folder, gates)


def with_gates(folder: Path, gates: str, repository: str = "") -> Path:
    """Write the sandbox's tiercel.toml with these gates of Prod, for one repository if it is named.

    Returns its path.
    """
    text, found = _GATES.subn(gates, (ROOT / "tiercel.toml").read_text())
    assert found == 1
    if repository:
        text = text.replace("acme/*", repository).replace("acme/tea-store", repository)
    path = folder / "tiercel.toml"
    path.write_text(text)
    return path


def sign(names: Names, digest: str, *, approves: bool = True) -> None:
    """Hand a word over that the sandbox's approver has signed, as `tiercel approve` does."""
    word = unsigned_word(digest, "looked at it", (), approves=approves)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_PROFILE", f"{names.environment.name}-approver")
        forget_clients()
        signed = signed_word.fn(word, names)
        access = Access(names.role_arn(Role.APPROVER), names.environment.region, "test")
        hand_over.fn(Records(access, names.artifact_bucket), signed)
    forget_clients()


def say(
    records: Records,
    waiting: WaitingPromotion,
    *,
    overrides: tuple[str, ...] = (),
    approves: bool = True,
) -> None:
    """Record the approver's word on what waits: a review would be read on GitHub once more."""
    word = Word(
        plan_digest=waiting.plan_digest,
        approves=approves,
        by="rae",
        vouched_by=Voucher.AWS,
        account=PRINCIPAL,
        reason="seen",
        at=datetime.now(UTC),
        evidence=("f" if approves else "e") * 64,
        overrides=overrides,
    )
    body = canonical_json(word.model_dump(mode="json"))
    create_object(records.access, records.bucket, word_key(word), body)
