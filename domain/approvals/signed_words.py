"""A word that AWS vouches for: a signed request that asks STS who signs, and says what is approved.

What an approver hands over are parameters of a signature, none of which can be anything else. The
request itself is built here: host, method, path, body and names of headers are fixed, so that it
cannot be made to ask for something else, of somebody else, nor to carry further headers.
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from xml.etree import ElementTree as ET

from pydantic import AfterValidator, Field, StringConstraints

from tiercel.domain.approvals.plans import APPROVALS_PREFIX
from tiercel.domain.approvals.words import LONGEST_WORD_REASON, Voucher, Word
from tiercel.domain.base.digests import PlanDigest, Sha256, sha256_hex
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.organization.approvers import Approver
from tiercel.domain.organization.names import Names

METHOD, PATH = "POST", "/"
BODY = "Action=GetCallerIdentity&Version=2011-06-15"
GOOD_FOR = timedelta(minutes=5)
"""So long STS takes a signature: https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html."""
_ANSWER = "{https://sts.amazonaws.com/doc/2011-06-15/}"
_TIME = "%Y%m%dT%H%M%SZ"
_KEY = re.compile(r"([0-9]{8}T[0-9]{6}Z)-([0-9a-f]{64})\.json")


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _a_moment(text: str) -> str:
    if _moment(text) is None:
        raise ValueError("there is no such moment")
    return text


def _one_line(reason: str) -> str:
    if not reason.strip() or not reason.isprintable():
        raise ValueError("a reason is one line of text")
    return reason


class SignedWord(StoredRecord):
    """What an approver hands over, created once: the word, and the signature with its parameters.

    `session_token` goes with the key of a session; without the secret key, which stays with the
    approver, it signs nothing. `overrides` are the gates that he opens.
    """

    format: Annotated[int, Field(strict=True, ge=1)] = 1

    plan_digest: Annotated[PlanDigest, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    approves: bool
    reason: Annotated[
        str, StringConstraints(max_length=LONGEST_WORD_REASON), AfterValidator(_one_line)
    ]
    overrides: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z]{1,20}$")], ...] = ()
    signed_at: Annotated[
        str, StringConstraints(pattern=r"^[0-9]{8}T[0-9]{6}Z$"), AfterValidator(_a_moment)
    ]
    access_key: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{16,128}$")]
    session_token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=_-]{0,8192}$")] = ""
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    @property
    def at(self) -> datetime:
        """When it was signed, as the signature says."""
        return datetime.strptime(self.signed_at, _TIME).replace(tzinfo=UTC)

    @property
    def key(self) -> str:
        """Where it is handed over, once."""
        return f"{offered_prefix(self.plan_digest)}{self.signed_at}-{self.signature}.json"


def unsigned_word(
    digest: str, reason: str, overrides: tuple[str, ...], *, approves: bool
) -> SignedWord:
    """Return a word before it is signed; pydantic's ValidationError for what can be none."""
    return SignedWord(
        plan_digest=PlanDigest(Sha256(digest)),
        approves=approves,
        reason=reason,
        overrides=overrides,
        signed_at="20000101T000000Z",
        access_key="0" * 16,
        signature="0" * 64,
    )


def offered_prefix(digest: str) -> str:
    """Return where signed words on a plan are handed over."""
    return f"{APPROVALS_PREFIX}offered/{digest}/"


def signed_headers(word: SignedWord, names: Names) -> dict[str, str]:
    """Return all headers of the request that are signed, in the order of a signature.

    The plan, what is said of it and for which environment are among them.
    """
    token = {"x-amz-security-token": word.session_token} if word.session_token else {}
    return {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": names.sts_host,
        "x-amz-date": word.signed_at,
        **token,
        "x-tiercel-audience": names.prefix,
        "x-tiercel-plan": word.plan_digest,
        "x-tiercel-reason": sha256_hex(word.reason.encode()),
        "x-tiercel-word": " ".join([_said(word), *word.overrides]),
    }


def authorization(word: SignedWord, names: Names) -> str:
    """Return the header that carries the signature, for STS of the environment's region alone."""
    scope = f"{word.signed_at[:8]}/{names.environment.region}/sts/aws4_request"
    return (
        f"AWS4-HMAC-SHA256 Credential={word.access_key}/{scope}, "
        f"SignedHeaders={';'.join(signed_headers(word, names))}, Signature={word.signature}"
    )


def fresh_keys(keys: list[str], known: frozenset[str], now: datetime) -> list[str]:
    """Return the keys of signed words that STS would take now; `known` are signatures that counted.

    Whoever hands one over chooses its key.
    """
    return [key for key in keys if _is_worth_asking(key.rpartition("/")[2], known, now)]


def _is_worth_asking(name: str, known: frozenset[str], now: datetime) -> bool:
    match = _KEY.fullmatch(name)
    signed_at = _moment(match[1]) if match else None
    return bool(match and signed_at and match[2] not in known and is_fresh(signed_at, now))


def is_shown_to_sts(word: SignedWord, key: str, digest: str, now: datetime) -> bool:
    """Tell whether a signed word is for this plan, of these minutes and under its own key."""
    return word.key == key and word.plan_digest == digest and is_fresh(word.at, now)


def is_fresh(signed_at: datetime, now: datetime) -> bool:
    """Tell whether a signature is of these minutes."""
    return abs(now - signed_at) < GOOD_FOR


def principal_in(content_type: str, answer: bytes) -> str:
    """Return the ARN in STS's answer to GetCallerIdentity; ValueError for any other answer.

    It is read as what it has to be, element by element: other answers of STS may carry text that
    the caller chose.
    """
    if not content_type.startswith("text/xml") or b"<!" in answer:
        raise ValueError("it is no answer of STS")
    try:
        root = ET.fromstring(answer)  # noqa: S314 - without declarations there are no entities
    except ET.ParseError as error:
        raise ValueError("it is no XML") from error
    results = root.findall(f"{_ANSWER}GetCallerIdentityResult")
    if root.tag != f"{_ANSWER}GetCallerIdentityResponse" or len(results) != 1:
        raise ValueError("it is no answer to GetCallerIdentity")
    arns = results[0].findall(f"{_ANSWER}Arn")
    if len(arns) != 1 or len(arns[0]) or not arns[0].text:
        raise ValueError("it names no caller, or several")
    return arns[0].text


def aws_word(offered: SignedWord, principal: str, approvers: tuple[Approver, ...]) -> Word | None:
    """Return the word of whoever STS says has signed it, None if he is no approver."""
    signer = next((one for one in approvers if one.aws and one.aws == principal), None)
    if signer is None:
        return None
    return Word(
        plan_digest=offered.plan_digest,
        approves=offered.approves,
        by=signer.name,
        vouched_by=Voucher.AWS,
        account=principal,
        reason=offered.reason,
        at=offered.at,
        evidence=offered.signature,
        overrides=offered.overrides,
    )


def header_values(word: SignedWord, names: Names) -> Mapping[str, str]:
    """Return every header of the request."""
    return signed_headers(word, names) | {"authorization": authorization(word, names)}


def _said(word: SignedWord) -> str:
    return "approve" if word.approves else "decline"
