from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.accounts.policy_difference import differences

BUCKET = "arn:aws:s3:::acme"
READ: dict[str, Any] = {
    "Sid": "Reads",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
    "Action": ["s3:GetObject", "s3:GetObjectVersion"],
    "Resource": f"{BUCKET}/*",
    "Condition": {"ArnEquals": {"aws:PrincipalArn": ["arn:a", "arn:b"]}},
}
TLS: dict[str, Any] = {
    "Sid": "Tls",
    "Effect": "Deny",
    "Principal": "*",
    "Action": ["s3:*"],
    "Resource": [BUCKET, f"{BUCKET}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def policy(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


@pytest.mark.parametrize(
    "changes",
    [
        {"Action": ["s3:GetObjectVersion", "s3:GetObject"]},
        {"Action": ["S3:getobject", "s3:GetObjectVersion", "s3:GetObject"]},
        {"Resource": [f"{BUCKET}/*"]},
        {"Principal": {"AWS": ["111111111111"]}},
        {"Condition": {"arnequals": {"AWS:principalarn": ["arn:b", "arn:a"]}}},
        {"Sid": "Other"},
    ],
)
def test_another_way_to_write_a_statement_is_no_difference(changes: dict[str, Any]) -> None:
    assert differences(policy(READ, TLS), policy(TLS, READ | changes)) == []


def test_a_single_statement_everybody_and_booleans_are_written_in_two_ways() -> None:
    other = TLS | {
        "Principal": {"AWS": "*"},
        "Condition": {"Bool": {"aws:SecureTransport": False}},
    }
    assert differences(policy(TLS), policy() | {"Statement": other, "Id": "x"}) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Effect": "Deny"}, "lacks Effect Allow and has in excess Effect Deny"),
        ({"Action": "s3:GetObject"}, "lacks Action s3:GetObjectVersion"),
        ({"Action": ["s3:GetObject*"]}, "and has in excess Action s3:GetObject*"),
        ({"Resource": [f"{BUCKET}/*", "*"]}, "has in excess Resource *"),
        ({"Resource": f"{BUCKET.upper()}/*"}, "lacks Resource"),
        ({"Principal": {"AWS": "AROAEXAMPLEID1234567"}}, "in excess Principal AWS AROAEXAMPLEID"),
        ({"Principal": {"Service": "111111111111"}}, "lacks Principal AWS 111111111111"),
        ({"Condition": {}}, "lacks ArnEquals aws:PrincipalArn arn:a"),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": ["arn:a", "arn:b"]}}}, "ArnLike"),
        ({"Condition": {"ArnEquals": {"aws:PrincipalArn": []}}}, "(nothing)"),
        ({"NotAction": "s3:PutObject"}, "has in excess NotAction s3:PutObject"),
        ({"NotPrincipal": "*"}, "has in excess NotPrincipal AWS *"),
    ],
)
def test_what_a_statement_lacks_and_has_in_excess_is_named(
    changes: dict[str, Any], said: str
) -> None:
    (found,) = differences(policy(READ, TLS), policy(READ | changes, TLS))
    assert found.startswith("statement Reads ")
    assert said in found


def test_a_missing_statement_and_one_in_excess_are_named() -> None:
    extra = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    assert differences(policy(READ, TLS), policy(READ, extra)) == [
        "statement Tls is missing",
        "a statement without Sid (Allow s3:*) is in excess",
    ]


def test_a_version_in_which_variables_are_plain_text_is_a_difference() -> None:
    old = {"Statement": [READ]}
    assert differences(policy(READ), old) == ["its Version is 2008-10-17"]


@given(st.randoms(use_true_random=False), st.integers(0, 1), st.integers(0, 2))
def test_order_never_matters_and_any_value_taken_away_always_does(
    shuffler: random.Random, statement: int, which: int
) -> None:
    wanted = policy(READ, TLS)
    found = copy.deepcopy(wanted)
    for one in found["Statement"]:
        for name in ("Action", "Resource"):
            if isinstance(one[name], list):
                shuffler.shuffle(one[name])
    shuffler.shuffle(found["Statement"])
    assert differences(wanted, found) == []
    name = ("Action", "Resource", "Condition")[which]
    del found["Statement"][statement][name]
    assert len(differences(wanted, found)) == 1
