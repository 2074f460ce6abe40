"""Rules for the roles of an environment as they are in their accounts."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.accounts.findings import Aspect, Finding, Thing
from tiercel.domain.accounts.observations import RoleSeen, Unread
from tiercel.domain.accounts.policy_check import (
    PolicyPlace,
    as_written,
    demands_external_id,
    has_room,
    limits_audience,
    limits_subject,
    missing_policy,
    no_deleted_principal,
    unread,
)
from tiercel.domain.accounts.policy_sizes import LARGEST_INLINE, LARGEST_MANAGED
from tiercel.domain.base.values import PolicyDocument

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_LARGEST_TRUST = 2_048
_INLINE = "permissions"


@dataclass(frozen=True)
class WantedRole:
    """How a role must be.

    `external_id` is what its trust demands, `subjects` are the `sub` claims of GitHub's
    tokens that open it, `boundary` is the ARN that bounds it; empty where it has none.
    """

    thing: Thing
    name: str
    trust: PolicyDocument | Unread
    permissions: PolicyDocument | Unread
    remedy: str
    external_id: str = ""
    subjects: tuple[str, ...] = ()
    boundary: str = ""

    @property
    def trust_place(self) -> PolicyPlace:
        """Where it says who may become the role."""
        name = f"{self.name}-trust"
        return PolicyPlace(self.thing, Aspect.TRUST, name, _LARGEST_TRUST, self.remedy)

    @property
    def permissions_place(self) -> PolicyPlace:
        """Where it says what the role may do."""
        name = f"{self.name}-permissions"
        return PolicyPlace(self.thing, Aspect.POLICY, name, LARGEST_INLINE, self.remedy)


def check_role(wanted: WantedRole, seen: RoleSeen | Unread | None) -> list[Finding]:
    """Apply every rule to a role; None if there is no role."""
    if isinstance(seen, Unread):
        return [unread(wanted.thing, Aspect.TRUST, "the role", seen)]
    if seen is None:
        return [exists(wanted)]
    return [*_trust(wanted, seen.trust), *_permissions(wanted, seen), *_boundary(wanted, seen)]


def exists(wanted: WantedRole) -> Finding:
    """The role was not deleted."""
    why = "whatever this role does cannot be done"
    return wanted.thing.red(
        Aspect.SETTINGS, "exists", "the role does not exist", why=why, remedy=wanted.remedy
    )


def is_bounded(wanted: WantedRole, boundary: str) -> Finding:
    """The role has the environment's permissions boundary."""
    if boundary == wanted.boundary:
        return wanted.thing.green(Aspect.SETTINGS, "boundary")
    return wanted.thing.red(
        Aspect.SETTINGS,
        "boundary",
        f"the permissions boundary is {boundary or 'missing'}, not {wanted.boundary}",
        why="a template could create roles that may do anything in the account",
        remedy=wanted.remedy,
    )


def has_nothing_besides(wanted: WantedRole, seen: RoleSeen) -> Finding:
    """No other policy gives the role more than its template does."""
    besides = sorted({*seen.inline} - {_INLINE}) + list(seen.attached)
    if not besides:
        return wanted.thing.green(Aspect.POLICY, "nothing besides")
    return wanted.thing.red(
        Aspect.POLICY,
        "nothing besides",
        f"the role has other policies, too: {', '.join(besides)}",
        why=f"it may do more than {wanted.permissions_place.file} says",
        remedy="detach or delete them; what is needed belongs into policies/",
    )


def check_boundary(
    thing: Thing, wanted: PolicyDocument | Unread, remedy: str, seen: PolicyDocument | Unread | None
) -> list[Finding]:
    """Apply every rule to the permissions boundary itself.

    Whether it has room is known before it is attached, see `policy_sizes`.
    """
    place = PolicyPlace(thing, Aspect.POLICY, "cloudformation-boundary", LARGEST_MANAGED, remedy)
    if seen is None or isinstance(seen, Unread):
        return [missing_policy(place, seen)]
    return [as_written(place, wanted, seen)]


def _trust(wanted: WantedRole, trust: PolicyDocument) -> list[Finding]:
    place = wanted.trust_place
    found = [
        as_written(place, wanted.trust, trust),
        no_deleted_principal(place, trust),
        has_room(place, trust),
    ]
    if wanted.external_id:
        found.append(demands_external_id(place, wanted.external_id, trust))
    if wanted.subjects:
        found += [limits_audience(place, trust), limits_subject(place, wanted.subjects, trust)]
    return found


def _permissions(wanted: WantedRole, seen: RoleSeen) -> list[Finding]:
    place, own = wanted.permissions_place, seen.inline.get(_INLINE)
    besides = has_nothing_besides(wanted, seen)
    if own is None:
        return [missing_policy(place, None), besides]
    return [
        as_written(place, wanted.permissions, own),
        besides,
        has_room(place, *seen.inline.values()),
    ]


def _boundary(wanted: WantedRole, seen: RoleSeen) -> list[Finding]:
    return [is_bounded(wanted, seen.boundary)] if wanted.boundary else []
