from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tiercel.domain.accounts.bucket_check import WantedBucket, check_bucket
from tiercel.domain.accounts.findings import Aspect, Finding, Thing, Verdict
from tiercel.domain.accounts.observations import BucketSeen, Encryption, LifecycleRule, Unread

ARN, KEY = "arn:aws:s3:::acme", "arn:aws:kms:eu-central-1:111111111111:key/1"
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Tls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [ARN, f"{ARN}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}
WANTED = WantedBucket(
    thing=Thing("111111111111", "artifact bucket"),
    arn=ARN,
    key_arn=KEY,
    policy_name="artifact-bucket",
    policy=POLICY,
    kept=("packages/", "ledger/"),
    expiring=("leases/",),
    remedy="provision it",
)
ABORTS = LifecycleRule("", aborts_uploads=True, expires=False)
LEASES = LifecycleRule("leases/", aborts_uploads=False, expires=True)
GOOD = BucketSeen(
    versioning="Enabled",
    blocks=dict.fromkeys(BLOCKS, True),
    ownership="BucketOwnerEnforced",
    encryption=Encryption("aws:kms", KEY, bucket_key=True),
    lifecycle=(ABORTS, LEASES),
    policy=POLICY,
)


def red(found: list[Finding]) -> list[str]:
    return [one.what for one in found if one.verdict is Verdict.RED]


def test_a_bucket_as_it_must_be_is_green_in_every_rule() -> None:
    found = check_bucket(WANTED, GOOD)
    assert {one.verdict for one in found} == {Verdict.GREEN}
    assert {one.aspect for one in found} == {Aspect.SETTINGS, Aspect.POLICY, Aspect.LIMITS}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"versioning": "Suspended"}, "versioning is Suspended"),
        ({"versioning": None}, "versioning is off"),
        ({"blocks": None}, "BlockPublicAcls"),
        ({"blocks": dict.fromkeys(BLOCKS[1:], True)}, "lacks ['BlockPublicAcls']"),
        ({"ownership": "ObjectWriter"}, "ObjectWriter"),
        ({"ownership": None}, "not set"),
        ({"encryption": None}, "nothing of ours"),
        ({"encryption": Encryption("AES256", "", bucket_key=False)}, "AES256"),
        ({"encryption": Encryption("aws:kms", "", bucket_key=True)}, "another key"),
        ({"encryption": Encryption("aws:kms", KEY, bucket_key=False)}, "bucket key is off"),
        ({"lifecycle": (LEASES,)}, "ends abandoned uploads"),
        ({"lifecycle": (replace(ABORTS, prefix="packages/"), LEASES)}, "ends abandoned uploads"),
        ({"lifecycle": (ABORTS,)}, "deletes what is old below leases/"),
        ({"lifecycle": (replace(ABORTS, expires=True), LEASES)}, "below packages/, ledger/"),
        (
            {"lifecycle": (ABORTS, LEASES, LifecycleRule("ledger/old", False, True))},
            "below ledger/",
        ),
        ({"policy": None}, "there is no policy"),
    ],
)
def test_one_wrong_setting_is_one_red_finding(change: dict[str, Any], said: str) -> None:
    (what,) = red(check_bucket(WANTED, replace(GOOD, **change)))
    assert said in what


def test_what_may_expire_elsewhere_is_nothing_wrong() -> None:
    sources = LifecycleRule("sources/", aborts_uploads=False, expires=True)
    assert red(check_bucket(WANTED, replace(GOOD, lifecycle=(ABORTS, LEASES, sources)))) == []


def test_a_policy_without_its_statement_is_red_for_both_reasons() -> None:
    policy = POLICY | {"Statement": []}
    assert red(check_bucket(WANTED, replace(GOOD, policy=policy))) == [
        "the policy is not policies/artifact-bucket.json: statement Tls is missing",
        "the policy does not deny requests without TLS",
    ]


@pytest.mark.parametrize("name", ["versioning", "blocks", "encryption", "lifecycle", "policy"])
def test_a_setting_that_may_not_be_read_is_red_and_one_that_may_come_is_unknown(name: str) -> None:
    refused = check_bucket(WANTED, replace(GOOD, **{name: Unread("AccessDenied: no")}))
    assert {one.why for one in refused if one.verdict is Verdict.RED} == {"AccessDenied: no"}
    busy = check_bucket(WANTED, replace(GOOD, **{name: Unread("SlowDown", passing=True)}))
    assert {one.why for one in busy if one.verdict is Verdict.UNKNOWN} == {"SlowDown"}
    assert red(busy) == []


def test_a_bucket_that_is_not_there_or_not_readable_is_one_finding() -> None:
    assert red(check_bucket(WANTED, None)) == ["the bucket does not exist"]
    (found,) = check_bucket(WANTED, Unread("403: Forbidden"))
    assert (found.verdict, found.why) == (Verdict.RED, "403: Forbidden")


def test_without_its_key_nothing_is_said_of_the_encryption() -> None:
    found = check_bucket(replace(WANTED, key_arn=""), GOOD)
    assert [one.rule for one in found if one.verdict is Verdict.UNKNOWN] == ["encryption"]
