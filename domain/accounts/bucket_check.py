"""Rules for the artifact bucket and the staging bucket as they are in their accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tiercel.domain.accounts.findings import Aspect, Finding, Thing
from tiercel.domain.accounts.observations import BucketSeen, Encryption, LifecycleRule, Unread
from tiercel.domain.accounts.policy_check import (
    PolicyPlace,
    as_written,
    demands_tls,
    has_room,
    missing_policy,
    no_deleted_principal,
    unread,
)
from tiercel.domain.base.values import PolicyDocument

_T = TypeVar("_T")

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
_LARGEST_POLICY = 20_480


@dataclass(frozen=True)
class WantedBucket:
    """How a bucket must be.

    Below the prefixes `kept` nothing may expire; below those of `expiring` what is old must,
    because it is written all the time.

    `key_arn` is empty while the key is not known.
    """

    thing: Thing
    arn: str
    key_arn: str
    policy_name: str
    policy: PolicyDocument | Unread
    kept: tuple[str, ...]
    expiring: tuple[str, ...]
    remedy: str

    @property
    def place(self) -> PolicyPlace:
        """Where the bucket's policy is attached."""
        return PolicyPlace(
            self.thing, Aspect.POLICY, self.policy_name, _LARGEST_POLICY, self.remedy
        )

    def red(self, rule: str, what: str, why: str) -> Finding:
        """Return that a setting is wrong; Terraform sets all of them."""
        return self.thing.red(Aspect.SETTINGS, rule, what, why=why, remedy=self.remedy)


def check_bucket(wanted: WantedBucket, seen: BucketSeen | Unread | None) -> list[Finding]:
    """Apply every rule to a bucket; None if there is no bucket."""
    if isinstance(seen, Unread):
        return [unread(wanted.thing, Aspect.SETTINGS, "the bucket", seen)]
    if seen is None:
        why = "artifacts and ledger, or what CloudFormation reads, have no place"
        return [wanted.red("exists", "the bucket does not exist", why)]
    return [
        _setting(wanted, "versioning", seen.versioning, keeps_versions),
        _setting(wanted, "public access block", seen.blocks, is_never_public),
        _setting(wanted, "ownership", seen.ownership, owns_every_object),
        _setting(wanted, "encryption", seen.encryption, encrypts_with_the_key),
        _setting(wanted, "abandoned uploads", seen.lifecycle, abandoned_uploads_expire),
        _setting(wanted, "old versions", seen.lifecycle, old_versions_expire),
        _setting(wanted, "nothing expires", seen.lifecycle, nothing_else_expires),
        *_policy(wanted, seen.policy),
    ]


def keeps_versions(wanted: WantedBucket, status: str | None) -> Finding | None:
    """Versioning keeps the first bytes of an object whoever overwrites it."""
    if status == "Enabled":
        return None
    shown = status or "off"
    why = "an object that is overwritten or deleted is lost"
    return wanted.red("versioning", f"versioning is {shown}", why)


def is_never_public(wanted: WantedBucket, blocks: Mapping[str, bool] | None) -> Finding | None:
    """All four blocks of public access are on."""
    off = [name for name in _BLOCKS if not (blocks or {}).get(name)]
    if not off:
        return None
    why = "one wrong policy or ACL would show the bucket to everybody"
    return wanted.red("public access block", f"the block of public access lacks {off}", why)


def owns_every_object(wanted: WantedBucket, ownership: str | None) -> Finding | None:
    """ACLs are off: the bucket's owner owns what other accounts write."""
    if ownership == "BucketOwnerEnforced":
        return None
    what = f"object ownership is {ownership or 'not set'}, not BucketOwnerEnforced"
    return wanted.red("ownership", what, "ACLs may give objects away past the policy")


def encrypts_with_the_key(wanted: WantedBucket, found: Encryption | None) -> Finding | None:
    """Objects are encrypted with the environment's key, through a bucket key."""
    if not wanted.key_arn:
        return wanted.thing.unknown(Aspect.SETTINGS, "encryption", "the artifact key is not known")
    if found is None or found.algorithm != "aws:kms":
        what = f"objects are encrypted with {found.algorithm if found else 'nothing of ours'}"
    elif found.key != wanted.key_arn:
        what = f"objects are encrypted with another key: {found.key}"
    elif not found.bucket_key:
        what = "the bucket key is off"
    else:
        return None
    why = f"the roles may use {wanted.key_arn} alone, in the name of the bucket"
    return wanted.red("encryption", what, why)


def abandoned_uploads_expire(
    wanted: WantedBucket, rules: tuple[LifecycleRule, ...] | None
) -> Finding | None:
    """Parts of uploads that were never finished go by themselves, in the whole bucket."""
    if any(rule.aborts_uploads and not rule.prefix for rule in rules or ()):
        return None
    what = "no lifecycle rule ends abandoned uploads"
    why = "a killed upload leaves parts that are paid for and that no listing shows"
    return wanted.red("abandoned uploads", what, why)


def old_versions_expire(
    wanted: WantedBucket, rules: tuple[LifecycleRule, ...] | None
) -> Finding | None:
    """What is written all the time goes by itself, or its old versions do."""
    expiring = {rule.prefix for rule in rules or () if rule.expires}
    if not (left := [prefix for prefix in wanted.expiring if prefix not in expiring]):
        return None
    what = f"no lifecycle rule deletes what is old below {', '.join(left)}"
    why = "every sign of life of a run, and every build in CodeBuild, leaves something for ever"
    return wanted.red("old versions", what, why)


def nothing_else_expires(
    wanted: WantedBucket, rules: tuple[LifecycleRule, ...] | None
) -> Finding | None:
    """No lifecycle rule deletes what has to stay, or the versions of it."""
    lost = [
        kept
        for rule in rules or ()
        for kept in wanted.kept
        if rule.expires and (kept.startswith(rule.prefix) or rule.prefix.startswith(kept))
    ]
    if not lost:
        return None
    what = f"a lifecycle rule deletes objects or versions below {', '.join(lost)}"
    why = "releases can then neither be repeated nor proved"
    return wanted.red("nothing expires", what, why)


def _setting(
    wanted: WantedBucket,
    rule: str,
    found: _T | Unread,
    check: Callable[[WantedBucket, _T], Finding | None],
) -> Finding:
    if isinstance(found, Unread):
        return unread(wanted.thing, Aspect.SETTINGS, rule, found)
    return check(wanted, found) or wanted.thing.green(Aspect.SETTINGS, rule)


def _policy(wanted: WantedBucket, found: PolicyDocument | Unread | None) -> list[Finding]:
    place = wanted.place
    if found is None or isinstance(found, Unread):
        return [missing_policy(place, found)]
    return [
        as_written(place, wanted.policy, found),
        demands_tls(place, wanted.arn, found),
        no_deleted_principal(place, found),
        has_room(place, found),
    ]
