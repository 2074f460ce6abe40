"""A worker's file that demands approvals in Prod, and words that were given."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from tiercel.domain.approvals.plans import WaitingPromotion
from tiercel.domain.approvals.words import Voucher, Word, word_key
from tiercel.domain.base.digests import canonical_json
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.objects import create_object

ROOT = Path(__file__).parents[2]
APPROVER = 42_424_242
"""The account on GitHub of the one approver, who is nobody of the sandbox."""
PRINCIPAL = "arn:aws:iam::333333333333:user/rae"
_GATES = re.compile(r"(?ms)^\[environments\.prod\.gates\]\n.*?(?=^\[(?!environments\.prod\.gates))")


def demanding_approval(folder: Path, hours: int = 72, more: str = "") -> Path:
    """Write the sandbox's tiercel.toml with one approval of one approver; return its path."""
    gates = f"""[environments.prod.gates]
approvals = 1
approval_hours = {hours}
{more}

[[environments.prod.gates.approvers]]
name = "rae"
github = {APPROVER}
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


def say(
    records: Records,
    waiting: WaitingPromotion,
    *,
    approves: bool = True,
    overrides: tuple[str, ...] = (),
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
        evidence="f" * 64,
        overrides=overrides,
    )
    body = canonical_json(word.model_dump(mode="json"))
    create_object(records.access, records.bucket, word_key(word), body)
