"""STS says who signed a word, and refuses whatever was changed since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tiercel.domain.approvals.signed_words import SignedWord
from tiercel.domain.base.digests import PlanDigest, Sha256
from tiercel.domain.base.errors import TransientError
from tiercel.domain.organization.names import Names
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.aws.clients import forget_clients
from tiercel.tasks.aws.word_signatures import signed_word, who_signed

pytestmark = pytest.mark.usefixtures("aws")

OPERATOR = "arn:aws:iam::111111111111:user/operator"


@pytest.fixture(scope="module")
def aws(sandbox: Sandbox) -> Iterator[None]:
    """The sandbox itself: what stands in for AWS elsewhere goes by the host that is signed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.environ("preprod").items():
            patch.setenv(name, value)
        forget_clients()
        yield
        forget_clients()


def unsigned(**changed: Any) -> SignedWord:
    values: dict[str, Any] = {
        "plan_digest": PlanDigest(Sha256("ab" * 32)),
        "approves": True,
        "reason": "looked at it: fine",
        "signed_at": "20261201T000000Z",
        "access_key": "A" * 20,
        "signature": "0" * 64,
    }
    return SignedWord(**values | changed)


def test_the_signer_is_who_sts_says(preprod: Names) -> None:
    word = signed_word.fn(unsigned(), preprod)
    assert who_signed.fn(word, preprod) == OPERATOR
    assert abs((datetime.now(UTC) - word.at).total_seconds()) < 60
    # STS itself takes it again: that it counts once is for the ledger to see to.
    assert who_signed.fn(word, preprod) == OPERATOR


@pytest.mark.parametrize(
    "change",
    [
        {"plan_digest": "cd" * 32},
        {"approves": False},
        {"reason": "looked at it"},
        {"overrides": ("windows",)},
        {"signature": "f" * 64},
        {"access_key": "B" * 20},
        {"signed_at": "20261201T000001Z"},
        {"session_token": "abc"},
    ],
)
def test_what_was_changed_since_is_signed_by_nobody(preprod: Names, change: Any) -> None:
    word = signed_word.fn(unsigned(), preprod)
    assert who_signed.fn(word.model_copy(update=change), preprod) == ""


def test_a_word_for_another_environment_is_signed_by_nobody(preprod: Names) -> None:
    word = signed_word.fn(unsigned(), preprod)
    renamed = Names("acme2", preprod.environment)
    assert who_signed.fn(word, renamed) == ""


def test_sts_that_does_not_answer_may_answer_later(
    preprod: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = signed_word.fn(unsigned(), preprod)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    forget_clients()
    with pytest.raises(TransientError) as failure:
        who_signed.fn(word, preprod)
    assert failure.value.code == "approvals.sts_no_answer"
    monkeypatch.undo()
    forget_clients()
