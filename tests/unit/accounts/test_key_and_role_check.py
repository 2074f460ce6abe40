from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tiercel.domain.accounts.findings import Finding, Thing, Verdict
from tiercel.domain.accounts.key_check import WantedKey, check_key
from tiercel.domain.accounts.observations import KeySeen, RoleSeen, Unread
from tiercel.domain.accounts.role_check import WantedRole, check_boundary, check_role

ACCOUNT = "111111111111"
POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "One", "Effect": "Allow", "Action": "kms:*", "Resource": "*"}],
}
KEY = WantedKey(
    thing=Thing(ACCOUNT, "artifact key"),
    alias="alias/acme-preprod-artifacts",
    spec="SYMMETRIC_DEFAULT",
    usage="ENCRYPT_DECRYPT",
    rotates=True,
    policy_name="artifact-key",
    policy=POLICY,
    remedy="provision it",
)
GOOD_KEY = KeySeen("arn", "Enabled", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", POLICY, rotates=True)
ROLE = WantedRole(
    thing=Thing("222222222222", "role cloudformation"),
    name="cloudformation",
    trust=POLICY,
    permissions=POLICY,
    remedy="provision it",
    boundary="arn:aws:iam::222222222222:policy/acme-preprod-boundary",
)
GOOD_ROLE = RoleSeen(POLICY, {"permissions": POLICY}, boundary=ROLE.boundary)
OTHER = POLICY | {"Statement": []}


def red(found: list[Finding]) -> list[str]:
    return [one.what for one in found if one.verdict is Verdict.RED]


def test_a_key_and_a_role_as_they_must_be_are_green_in_every_rule() -> None:
    found = check_key(KEY, GOOD_KEY) + check_role(ROLE, GOOD_ROLE)
    assert {one.verdict for one in found} == {Verdict.GREEN}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, "alias/acme-preprod-artifacts leads to no key"),
        (Unread("AccessDenied: no"), "may not describe"),
        (replace(GOOD_KEY, state="Disabled"), "the key is Disabled"),
        (replace(GOOD_KEY, state="PendingDeletion"), "the key is PendingDeletion"),
        (replace(GOOD_KEY, spec="ECC_NIST_P256"), "the key is ECC_NIST_P256"),
        (replace(GOOD_KEY, usage="SIGN_VERIFY"), "for SIGN_VERIFY"),
        (replace(GOOD_KEY, rotates=False), "the key is not rotated"),
        (replace(GOOD_KEY, rotates=Unread("AccessDenied")), "rotation: cannot be read"),
        (replace(GOOD_KEY, policy=OTHER), "statement One is missing"),
        (replace(GOOD_KEY, policy=Unread("AccessDenied")), "artifacts leads to another key, or"),
    ],
)
def test_one_wrong_thing_of_a_key_is_one_red_finding(
    seen: KeySeen | Unread | None, said: str
) -> None:
    (what,) = red(check_key(KEY, seen))
    assert said in what


def test_a_key_that_aws_does_not_rotate_need_not_be_rotated() -> None:
    signing = replace(KEY, rotates=False)
    assert red(check_key(signing, replace(GOOD_KEY, rotates=None))) == []


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, "the role does not exist"),
        (Unread("AccessDenied: no"), "the role: cannot be read"),
        (replace(GOOD_ROLE, trust=OTHER), "policies/cloudformation-trust.json"),
        (replace(GOOD_ROLE, inline={"permissions": OTHER}), "cloudformation-permissions.json"),
        (replace(GOOD_ROLE, inline={}), "there is no policy"),
        (replace(GOOD_ROLE, attached=("arn:aws:iam::aws:policy/A",)), "arn:aws:iam::aws:policy/A"),
        (replace(GOOD_ROLE, boundary=""), "the permissions boundary is missing"),
        (replace(GOOD_ROLE, boundary="arn:x"), "the permissions boundary is arn:x"),
        (
            replace(GOOD_ROLE, inline={"permissions": POLICY, "more": OTHER}),
            "the role has other policies, too: more",
        ),
    ],
)
def test_one_wrong_thing_of_a_role_is_one_red_finding(
    seen: RoleSeen | Unread | None, said: str
) -> None:
    (what,) = red(check_role(ROLE, seen))
    assert said in what


def test_what_is_besides_counts_for_the_size_of_a_roles_policies() -> None:
    long = {"Version": "2012-10-17", "Statement": [{"Action": "a" * 10_000}]}
    found = check_role(ROLE, replace(GOOD_ROLE, inline={"permissions": POLICY, "more": long}))
    assert any("of 10240 characters" in what for what in red(found))


def test_the_boundary_itself_is_as_its_template() -> None:
    thing = Thing("222222222222", "boundary")
    assert red(check_boundary(thing, POLICY, "provision it", POLICY)) == []
    assert red(check_boundary(thing, POLICY, "provision it", None)) == ["there is no policy"]
    assert len(red(check_boundary(thing, POLICY, "provision it", OTHER))) == 1
