"""What GitHub and AWS vouch for becomes a word, and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.topology import topology_of
from tests.unit.approvals.test_approval_gate import ADA, BOB, EVE, NOW, OTHER, PLAN, waiting
from tiercel.domain.approvals.github_words import GitHubWords, GivenReview, github_words
from tiercel.domain.approvals.plans import PostedPlan
from tiercel.domain.approvals.signed_words import (
    SignedWord,
    authorization,
    aws_word,
    fresh_keys,
    principal_in,
    signed_headers,
)
from tiercel.domain.organization.names import Names

HEAD = "d" * 40
POSTED = PostedPlan(
    plan_digest=PLAN, repository="acme/shop", pull_request=7, head_commit=HEAD, at=NOW
)
PROD = Names.of(topology_of("acme/shop"), "prod")


def review(**changed: Any) -> GivenReview:
    values: dict[str, Any] = {
        "number": 1,
        "user": ADA.github,
        "user_type": "User",
        "state": "APPROVED",
        "body": f"Looked at it.\n\n{PLAN}",
        "commit": HEAD,
        "submitted_at": NOW,
        "updated_at": NOW,
    }
    return GivenReview(**values | changed)


def said(*reviews: GivenReview, posted: PostedPlan | None = POSTED, **changed: Any) -> GitHubWords:
    return github_words(reviews, posted, waiting(**changed), (ADA, BOB, EVE))


def test_an_approving_review_with_the_digest_is_a_word() -> None:
    (word,) = said(review()).words
    assert (word.by, word.approves, word.account) == ("ada", True, "11")
    assert word.reason == "Looked at it."
    assert word.evidence == f"review 1 on {HEAD}"


def test_a_review_that_asks_for_changes_of_the_plan_declines_it() -> None:
    (word,) = said(review(state="CHANGES_REQUESTED")).words
    assert not word.approves


@pytest.mark.parametrize(
    "body",
    [
        f"`{PLAN}`",
        f"plan {PLAN}, fine",
        f"> {OTHER}\n\n{PLAN}",
        f"<!-- {OTHER} -->{PLAN}",
        f"{PLAN} {PLAN}",
    ],
)
def test_the_digest_stands_anywhere_in_what_the_reviewer_writes(body: str) -> None:
    assert said(review(body=body)).words


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "COMMENTED"},
        {"state": "DISMISSED"},
        {"state": "PENDING"},
        {"user": 66},
        {"user": None},
        {"user_type": "Bot"},
        {"commit": "e" * 40},
        {"updated_at": NOW + timedelta(seconds=1)},
        {"updated_at": None},
        {"body": ""},
        {"body": OTHER},
        {"body": PLAN[:12]},
        {"body": f"{PLAN}0"},
        {"body": f"x{PLAN}"},
        {"body": f"{PLAN} {OTHER}"},
        {"body": f"> {PLAN}"},
        {"body": f"  > {PLAN}"},
        {"body": f"<!-- {PLAN} -->"},
        {"body": f"<!-- {PLAN}"},
        {"body": f"<!--\n{PLAN}\n-->"},
        {"body": f">\r\n> {PLAN}\rx"},
        {"body": "x" * 70_000 + PLAN},
    ],
)
def test_no_other_review_is_a_word(changed: dict[str, Any]) -> None:
    assert said(review(**changed)).words == ()


def test_of_an_approver_the_last_review_counts() -> None:
    later = {"number": 2, "submitted_at": NOW + timedelta(hours=1)}
    later["updated_at"] = later["submitted_at"]
    assert not said(review(), review(state="CHANGES_REQUESTED", body="no", **later)).words
    assert not said(review(), review(state="DISMISSED", **later)).words
    assert said(review(state="CHANGES_REQUESTED", body="no"), review(**later)).words
    assert said(review(), review(state="COMMENTED", body="by the way", **later)).words


@pytest.mark.parametrize(
    "posted",
    [
        None,
        POSTED.model_copy(update={"plan_digest": OTHER}),
        POSTED.model_copy(update={"pull_request": 8}),
        POSTED.model_copy(update={"repository": "acme/other"}),
        POSTED.model_copy(update={"head_commit": "e" * 40}),
    ],
)
def test_only_what_was_shown_on_this_head_can_be_approved(posted: PostedPlan | None) -> None:
    assert said(review(), posted=posted) == GitHubWords()


def signed(**changed: Any) -> SignedWord:
    values: dict[str, Any] = {
        "plan_digest": PLAN,
        "approves": True,
        "reason": "looked at it",
        "signed_at": "20261201T120000Z",
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "signature": "0" * 64,
    }
    return SignedWord(**values | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"plan_digest": "x"},
        {"plan_digest": PLAN + "\n"},
        {"reason": ""},
        {"reason": " "},
        {"reason": "a\r\nx-amz-date: 1"},
        {"reason": "x" * 501},
        {"overrides": ("windows\n",)},
        {"overrides": ("Windows, soak",)},
        {"signed_at": "20269901T120000Z"},
        {"signed_at": "20261201T120000Z\r\nHost: evil"},
        {"access_key": "AKIA/../evil/sts"},
        {"access_key": "AKIAIOSFODNN7EXAMPLE\n"},
        {"session_token": "a\r\nhost: evil"},
        {"session_token": "a b"},
        {"signature": "0" * 63},
        {"signature": "0" * 64 + ", SignedHeaders=host"},
    ],
)
def test_parameters_of_a_signature_can_be_nothing_else(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        signed(**changed)


@given(st.dictionaries(st.sampled_from(["host", "url", "body", "headers", "method"]), st.text()))
def test_whatever_is_handed_over_besides_is_not_sent(more: dict[str, str]) -> None:
    plain = signed()
    fuller = SignedWord.model_validate(plain.model_dump() | more)
    assert signed_headers(fuller, PROD) == signed_headers(plain, PROD)
    assert authorization(fuller, PROD) == authorization(plain, PROD)


def test_what_is_said_of_which_plan_and_where_is_signed() -> None:
    headers = signed_headers(signed(session_token="abc"), PROD)
    assert list(headers) == sorted(headers)
    assert headers["x-tiercel-plan"] == PLAN
    assert headers["host"] == "sts.eu-central-1.amazonaws.com"
    for other in (
        signed(approves=False),
        signed(reason="x"),
        signed(overrides=("windows",)),
        signed(plan_digest=OTHER),
    ):
        assert signed_headers(other, PROD) != signed_headers(signed(), PROD)
    assert signed_headers(signed(), Names("other", PROD.environment)) != signed_headers(
        signed(), PROD
    )
    assert ";".join(headers) in authorization(signed(session_token="abc"), PROD)


XML = "text/xml; charset=utf-8"
ANSWER = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>{arn}</Arn><UserId>A</UserId><Account>3</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def test_the_caller_is_read_from_the_answer() -> None:
    assert principal_in(XML, ANSWER.format(arn=ADA.aws).encode()) == ADA.aws


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [
        ("application/json", ANSWER.format(arn=ADA.aws)),
        (XML, "not xml"),
        (XML, '<!DOCTYPE a [<!ENTITY b "c">]>' + ANSWER.format(arn="&b;")),
        (XML, ANSWER.format(arn="")),
        (XML, ANSWER.format(arn="<b>x</b>")),
        (XML, ANSWER.format(arn=f"a</Arn><Arn>{ADA.aws}")),
        (XML, ANSWER.format(arn=ADA.aws).replace("GetCallerIdentityRes", "AssumeRoleRes")),
        (XML, ANSWER.format(arn=ADA.aws).replace("sts.amazonaws.com", "evil.test")),
        (XML, f"<a>{ANSWER.format(arn=ADA.aws)}</a>"),
        (XML, ANSWER.format(arn=ADA.aws) * 2),
        (XML, f"<ErrorResponse><Message>{ANSWER.format(arn=ADA.aws)}</Message></ErrorResponse>"),
    ],
)
def test_no_other_answer_names_a_caller(content_type: str, answer: str) -> None:
    with pytest.raises(ValueError, match="it "):
        principal_in(content_type, answer.encode())


def test_a_signer_who_is_no_approver_says_nothing() -> None:
    word = aws_word(signed(), ADA.aws, (ADA, EVE))
    assert word
    assert (word.by, word.account, word.evidence) == ("ada", ADA.aws, "0" * 64)
    assert word.at == datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert aws_word(signed(), "", (ADA, EVE)) is None
    assert aws_word(signed(), BOB.aws, (ADA, EVE)) is None


@pytest.mark.parametrize(
    ("name", "fresh"),
    [
        (f"20261201T120000Z-{'0' * 64}.json", True),
        (f"20261201T115501Z-{'0' * 64}.json", True),
        (f"20261201T115500Z-{'0' * 64}.json", False),
        (f"20261201T120500Z-{'0' * 64}.json", False),
        (f"20261201T120000Z-{'f' * 64}.json", False),
        (f"20269901T120000Z-{'0' * 64}.json", False),
        ("x.json", False),
    ],
)
def test_only_signatures_of_these_minutes_that_did_not_count_are_shown_to_sts(
    name: str, fresh: bool
) -> None:
    known = frozenset({"f" * 64})
    assert fresh_keys([f"approvals/offered/{PLAN}/{name}"], known, NOW) == (
        [f"approvals/offered/{PLAN}/{name}"] if fresh else []
    )
