"""Rules for the two KMS keys of an environment as they are in their account."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.accounts.findings import Aspect, Finding, Thing
from tiercel.domain.accounts.observations import KeySeen, Unread
from tiercel.domain.accounts.policy_check import (
    PolicyPlace,
    as_written,
    has_room,
    no_deleted_principal,
    unread,
)
from tiercel.domain.base.values import PolicyDocument

# https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
_LARGEST_POLICY = 32_768


@dataclass(frozen=True)
class WantedKey:
    """How a key must be. AWS rotates symmetric keys only, so not every key `rotates`."""

    thing: Thing
    alias: str
    spec: str
    usage: str
    rotates: bool
    policy_name: str
    policy: PolicyDocument | Unread
    remedy: str

    @property
    def place(self) -> PolicyPlace:
        """Where the key's policy is attached."""
        return PolicyPlace(
            self.thing, Aspect.POLICY, self.policy_name, _LARGEST_POLICY, self.remedy
        )


def check_key(wanted: WantedKey, seen: KeySeen | Unread | None) -> list[Finding]:
    """Apply every rule to a key; None if its alias leads to no key."""
    if seen is None or isinstance(seen, Unread):
        return [has_alias(wanted, seen)]
    return [
        wanted.thing.green(Aspect.SETTINGS, "alias"),
        is_enabled(wanted, seen),
        is_of_the_kind(wanted, seen),
        *([is_rotated(wanted, seen.rotates)] if wanted.rotates else []),
        *_policy(wanted, seen.policy),
    ]


def has_alias(wanted: WantedKey, seen: Unread | None) -> Finding:
    """The alias leads to a key that the orchestrator may describe."""
    if isinstance(seen, Unread) and seen.passing:
        return wanted.thing.unknown(Aspect.SETTINGS, "alias", seen.why)
    what = f"{wanted.alias} leads to no key"
    if isinstance(seen, Unread):
        what = f"{wanted.alias} leads to a key that the orchestrator may not describe"
    return wanted.thing.red(
        Aspect.SETTINGS,
        "alias",
        what,
        why=seen.why if seen else "there is no such alias",
        remedy=f"lead the alias to the key that the orchestrator's policy names: {wanted.remedy}",
    )


def is_enabled(wanted: WantedKey, seen: KeySeen) -> Finding:
    """The key is neither disabled nor about to be deleted."""
    if seen.state == "Enabled":
        return wanted.thing.green(Aspect.SETTINGS, "enabled")
    remedy = "enable the key; if its deletion is pending, cancel that first"
    why = "nothing can be encrypted, decrypted or signed with it"
    return wanted.thing.red(
        Aspect.SETTINGS, "enabled", f"the key is {seen.state}", why=why, remedy=remedy
    )


def is_of_the_kind(wanted: WantedKey, seen: KeySeen) -> Finding:
    """The key is made for what it is used for."""
    if (seen.spec, seen.usage) == (wanted.spec, wanted.usage):
        return wanted.thing.green(Aspect.SETTINGS, "kind")
    return wanted.thing.red(
        Aspect.SETTINGS,
        "kind",
        f"the key is {seen.spec} for {seen.usage}, not {wanted.spec} for {wanted.usage}",
        why="the alias leads to another key than the one that was provisioned",
        remedy=f"lead {wanted.alias} to the right key: {wanted.remedy}",
    )


def is_rotated(wanted: WantedKey, rotates: bool | Unread | None) -> Finding:  # noqa: FBT001
    """AWS makes new key material every year."""
    if isinstance(rotates, Unread):
        return unread(wanted.thing, Aspect.SETTINGS, "rotation", rotates)
    if rotates:
        return wanted.thing.green(Aspect.SETTINGS, "rotation")
    why = "all artifacts are encrypted with the same material for ever"
    return wanted.thing.red(
        Aspect.SETTINGS, "rotation", "the key is not rotated", why=why, remedy=wanted.remedy
    )


def can_be_read(wanted: WantedKey, found: Unread) -> Finding:
    """The orchestrator may read the policies of the two keys of its environment, of no other."""
    rule = f"as {wanted.place.file}"
    if found.passing:
        return wanted.thing.unknown(Aspect.POLICY, rule, found.why)
    return wanted.thing.red(
        Aspect.POLICY,
        rule,
        f"{wanted.alias} leads to another key, or the orchestrator may not read its key's policy",
        why=found.why,
        remedy=f"lead the alias to the key that the orchestrator's policy names: {wanted.remedy}",
    )


def _policy(wanted: WantedKey, found: PolicyDocument | Unread) -> list[Finding]:
    place = wanted.place
    if isinstance(found, Unread):
        return [can_be_read(wanted, found)]
    return [
        as_written(place, wanted.policy, found),
        no_deleted_principal(place, found),
        has_room(place, found),
    ]
