from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.accounts.findings import Aspect, Thing, Verdict
from tiercel.domain.accounts.observations import Unread
from tiercel.domain.accounts.policy_check import (
    PolicyPlace,
    as_written,
    demands_external_id,
    demands_tls,
    has_room,
    limits_audience,
    limits_subject,
    missing_policy,
    no_deleted_principal,
)
from tiercel.domain.organization.names import GITHUB_ISSUER

PLACE = PolicyPlace(
    Thing("111111111111", "role deployer"), Aspect.TRUST, "deployer-trust", 400, "provision it"
)
ROOT = "arn:aws:iam::111111111111:root"
SUBJECTS = ("repo:acme/shop:environment:preprod", "repo:acme/tea:environment:preprod")
BUCKET = "arn:aws:s3:::acme"


def document(**statement: Any) -> dict[str, Any]:
    given = {"Sid": "One", "Effect": "Allow", "Principal": {"AWS": ROOT}} | statement
    return {"Version": "2012-10-17", "Statement": [given]}


def assuming(condition: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document(Action="sts:AssumeRole", Condition=condition, **more)


def from_github(aud: Any = "sts.amazonaws.com", sub: Any = SUBJECTS[0]) -> dict[str, Any]:
    provider = f"arn:aws:iam::111111111111:oidc-provider/{GITHUB_ISSUER}"
    tests = {"StringEquals": {f"{GITHUB_ISSUER}:aud": aud}}
    tests |= {"StringLike": {f"{GITHUB_ISSUER}:sub": sub}}
    condition = {name: test for name, test in tests.items() if None not in test.values()}
    return document(
        Principal={"Federated": provider},
        Action="sts:AssumeRoleWithWebIdentity",
        Condition=condition,
    )


def test_a_policy_that_is_not_its_template_is_red_and_says_how_it_differs() -> None:
    wanted = document(Action=["sts:AssumeRole"])
    assert as_written(PLACE, wanted, document(Action="sts:AssumeRole")).verdict is Verdict.GREEN
    found = as_written(PLACE, wanted, document(Action="sts:*"))
    assert found.verdict is Verdict.RED
    assert "policies/deployer-trust.json" in found.what
    assert "statement One lacks Action sts:AssumeRole" in found.what
    assert "provision it" in found.remedy


def test_a_template_that_cannot_be_filled_in_says_nothing_about_the_policy() -> None:
    found = as_written(PLACE, Unread("the key is not known", passing=True), document())
    assert (found.verdict, found.why) == (Verdict.UNKNOWN, "the key is not known")


@pytest.mark.parametrize("stale", ["AROAJQABLZS4A3QDU576Q", "AIDAJQABLZS4A3QDU576Q"])
@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_the_unique_id_of_a_deleted_principal_is_found(stale: str, element: str) -> None:
    found = no_deleted_principal(PLACE, document(**{element: {"AWS": [ROOT, stale]}}))
    assert found.verdict is Verdict.RED
    assert f"{stale} in statement One" in found.what


@pytest.mark.parametrize("who", ["*", {"AWS": ROOT}, {"Service": "AROA.amazonaws.com"}, None])
def test_other_principals_are_no_deleted_ones(who: Any) -> None:
    assert no_deleted_principal(PLACE, document(Principal=who)).verdict is Verdict.GREEN


def test_a_policy_near_its_limit_is_red_and_white_space_does_not_count() -> None:
    roomy, tight = document(Action="a" * 200), document(Action="a" * 300)
    assert has_room(PLACE, roomy).verdict is Verdict.GREEN
    found = has_room(PLACE, tight)
    assert (found.verdict, found.aspect) == (Verdict.RED, Aspect.LIMITS)
    assert has_room(PLACE, roomy, roomy).verdict is Verdict.RED


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"StringEquals": {"sts:ExternalId": "acme-1"}}, ""),
        ({"stringequals": {"STS:externalid": ["acme-1"]}}, ""),
        ({}, "demands no external id"),
        ({"StringEquals": {"aws:PrincipalArn": "acme-1"}}, "demands no external id"),
        ({"StringEqualsIfExists": {"sts:ExternalId": "acme-1"}}, "demands no external id"),
        ({"StringEquals": {"sts:ExternalId": "acme-2"}}, "acme-2, tiercel.toml says acme-1"),
        ({"StringEquals": {"sts:ExternalId": ["acme-1", "acme-2"]}}, "accepts the external id"),
    ],
)
def test_the_external_id_is_the_one_of_the_configuration(
    condition: dict[str, Any], said: str
) -> None:
    found = demands_external_id(PLACE, "acme-1", assuming(condition))
    assert found.verdict is (Verdict.RED if said else Verdict.GREEN)
    assert said in found.what


def test_statements_that_do_not_let_anybody_in_need_no_external_id() -> None:
    other = {"Effect": "Allow", "Action": "sts:TagSession"}, {"Effect": "Deny", "Action": "*"}
    trust = assuming({"StringEquals": {"sts:ExternalId": "acme-1"}})
    trust["Statement"] += other
    assert demands_external_id(PLACE, "acme-1", trust).verdict is Verdict.GREEN


@pytest.mark.parametrize(
    ("audience", "verdict"),
    [
        ("sts.amazonaws.com", Verdict.GREEN),
        (["sts.amazonaws.com"], Verdict.GREEN),
        (None, Verdict.RED),
        ("*", Verdict.RED),
        (["sts.amazonaws.com", "https://github.com/acme"], Verdict.RED),
    ],
)
def test_the_audience_of_tokens_is_aws(audience: Any, verdict: Verdict) -> None:
    assert limits_audience(PLACE, from_github(aud=audience)).verdict is verdict


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (SUBJECTS[0], ""),
        (list(SUBJECTS), ""),
        (None, "accepts every workflow on GitHub"),
        ("repo:acme/*", "accepts repo:acme/*"),
        ([SUBJECTS[0], "repo:evil/shop:*"], "accepts repo:evil/shop:*"),
    ],
)
def test_the_subject_of_tokens_is_a_repository_in_the_environment(subject: Any, said: str) -> None:
    found = limits_subject(PLACE, SUBJECTS, from_github(sub=subject))
    assert found.verdict is (Verdict.RED if said else Verdict.GREEN)
    assert said in found.what


TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [BUCKET, f"{BUCKET}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.GREEN),
        ({"Principal": {"AWS": "*"}, "Action": ["s3:*"]}, Verdict.GREEN),
        ({"Effect": "Allow"}, Verdict.RED),
        ({"Principal": {"AWS": ROOT}}, Verdict.RED),
        ({"Action": "s3:GetObject"}, Verdict.RED),
        ({"Resource": f"{BUCKET}/*"}, Verdict.RED),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, Verdict.RED),
        (
            {"Condition": TLS["Condition"] | {"StringEquals": {"aws:x": "y"}}},  # type: ignore[operator]
            Verdict.RED,
        ),
    ],
)
def test_everybody_is_denied_without_tls(changes: dict[str, Any], verdict: Verdict) -> None:
    assert demands_tls(PLACE, BUCKET, {"Statement": [TLS | changes]}).verdict is verdict


def test_a_policy_that_is_absent_or_forbidden_is_red_and_one_that_may_come_is_unknown() -> None:
    assert missing_policy(PLACE, None).what == "there is no policy"
    refused = missing_policy(PLACE, Unread("AccessDenied: no"))
    assert (refused.verdict, refused.why) == (Verdict.RED, "AccessDenied: no")
    busy = missing_policy(PLACE, Unread("SlowDown", passing=True))
    assert busy.verdict is Verdict.UNKNOWN
