"""A promotion that waits, with all that attackers try to change: reviews, signatures, gates, time.

STS is a stand-in that verifies a request's signature and says whose key it is; time it leaves to
the product, so that each protection is seen alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.topology import topology_of
from tests.unit.approvals.test_approval_gate import ADA, BOB, EVE, NOW, PLAN, waiting, word
from tests.unit.approvals.test_words_vouched_for import ANSWER, POSTED, PROD, XML, review, signed
from tiercel.domain.approvals.approval_gate import ApprovalGate
from tiercel.domain.approvals.github_words import GivenReview, github_words
from tiercel.domain.approvals.overrides import with_overrides
from tiercel.domain.approvals.plans import PostedPlan, WaitingPromotion
from tiercel.domain.approvals.signed_words import (
    BODY,
    METHOD,
    SignedWord,
    authorization,
    aws_word,
    fresh_keys,
    is_shown_to_sts,
    principal_in,
    signed_headers,
)
from tiercel.domain.approvals.words import Voucher, Word, lasting
from tiercel.domain.base.digests import PlanDigest
from tiercel.domain.gates.holds import HoldEvent, HoldGate
from tiercel.domain.gates.results import Decision, judged, worst
from tiercel.domain.gates.verification import CheckGate, SoakGate
from tiercel.domain.gates.windows import WindowGate
from tiercel.domain.organization.gate_settings import GateSettings
from tiercel.domain.organization.names import Names

__all__ = [
    "ADA", "ANSWER", "BOB", "EVE", "NOW", "PLAN", "POSTED", "PROD", "XML",
    "Scene", "Voucher", "review", "signed", "waiting", "word",
]  # fmt: skip
TOPOLOGY = topology_of("acme/shop")
PREPROD = Names.of(TOPOLOGY, "preprod")
STRANGER = "arn:aws:iam::333333333333:user/mallory"
SETTINGS = GateSettings(approvals=1, approvers=(ADA, BOB, EVE))


def secret_of(principal: str) -> Credentials:
    """The keys of a principal: two of them never have the same."""
    digits = "".join(one for one in principal.upper() if one.isalnum())
    return Credentials(f"AKIA{digits[-20:]}", f"secret of {principal}")


def sign(
    said: SignedWord,
    principal: str,
    names: Names = PROD,
    instead: Mapping[str, str] = MappingProxyType({}),
) -> SignedWord:
    """What `tiercel approve` hands over, as whoever signs; `instead` of the product's headers."""
    keys = secret_of(principal)
    named = said.model_copy(update={"access_key": keys.access_key})
    sent = signed_headers(named, names) | dict(instead)
    region = names.environment.region
    return named.model_copy(update={"signature": _signature(keys, sent, region)})


def _signature(keys: Credentials, headers: dict[str, str], region: str) -> str:
    request = AWSRequest(METHOD, f"https://{headers['host']}/", headers=headers, data=BODY)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(keys, "sts", region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


@dataclass
class Scene:
    """What is there when the promotion is asked to go on; one person's word is demanded."""

    promotion: WaitingPromotion = field(default_factory=waiting)
    settings: GateSettings = SETTINGS
    plan: PlanDigest = PLAN
    posted: PostedPlan = POSTED
    reviews: tuple[GivenReview, ...] = ()
    recorded: tuple[Word, ...] = ()
    offered: dict[str, SignedWord] = field(default_factory=dict)
    now: datetime = NOW + timedelta(minutes=1)
    hold: HoldEvent | None = None
    hotfix: bool = False
    verified: datetime = NOW - timedelta(days=1)
    checks: dict[str, str] = field(default_factory=dict)

    def offer(self, given: SignedWord, key: str = "") -> Scene:
        """Hand a signed word over."""
        self.offered[key or given.key] = given
        return self

    def goes_on(self) -> bool:
        """Whether what was planned would be executed now."""
        approvals = ApprovalGate(
            settings=self.settings,
            waiting=self.promotion,
            plan_digest=self.plan,
            words=(*lasting(self.recorded), *self._signed(), *self._reviewed()),
        )
        gates = (
            HoldGate(event=self.hold, hotfix=self.hotfix,
                     hotfix_passes=self.settings.hotfix_passes_hold),
            WindowGate(settings=self.settings),
            SoakGate(minutes=self.settings.soak_minutes, verified={"orders": self.verified}),
            CheckGate(required=self.settings.checks, found=self.checks),
            approvals,
        )  # fmt: skip
        results = with_overrides(judged(gates, self.now), approvals, self.now)
        return worst(results) is Decision.ALLOW

    def _reviewed(self) -> tuple[Word, ...]:
        approvers = self.settings.approvers
        return github_words(self.reviews, self.posted, self.promotion, approvers).words

    def _signed(self) -> list[Word]:
        digest = self.promotion.plan_digest
        fresh = fresh_keys(list(self.offered), frozenset(), self.now)
        shown = [
            given
            for key in fresh
            if is_shown_to_sts(given := self.offered[key], key, digest, self.now)
        ]
        words = [aws_word(one, self._who_signed(one), self.settings.approvers) for one in shown]
        return [one for one in words if one]

    def _who_signed(self, given: SignedWord) -> str:
        """Ask the stand-in for STS with the request that the product builds."""
        headers = signed_headers(given, PROD)
        region = authorization(given, PROD).split("/")[2]
        principals = (ADA.aws, BOB.aws, STRANGER, *(one.aws for one in self.settings.approvers))
        for principal in principals:
            keys = secret_of(principal)
            if keys.access_key == given.access_key:
                right = _signature(keys, headers, region) == given.signature
                return principal_in(XML, ANSWER.format(arn=principal).encode()) if right else ""
        return ""


def settings(**changed: Any) -> GateSettings:
    """Settings as they are, unlike those of a file without being checked."""
    return SETTINGS.model_copy(update=changed)
