"""Rules for policy documents as they are in an account; `policies/` says how they must be."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from tiercel.domain.accounts.findings import Aspect, Finding, Thing
from tiercel.domain.accounts.observations import Unread
from tiercel.domain.accounts.policy_difference import (
    differences,
    listed,
    name_of,
    parts_of,
    principals_of,
    statements_of,
)
from tiercel.domain.base.values import PolicyDocument
from tiercel.domain.organization.names import GITHUB_ISSUER

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
_DELETED = re.compile(r"A(?:BIA|CCA|GPA|IDA|IPA|KIA|NPA|NVA|PKA|ROA|SCA|SIA)[A-Z0-9]{12,}")
_NEAR = 0.95
_UPDATE = "change it in policies/ if that is wanted, else "


@dataclass(frozen=True)
class PolicyPlace:
    """Where a policy is attached, and what mends it. `size` is AWS's limit in characters."""

    thing: Thing
    aspect: Aspect
    policy: str
    size: int
    remedy: str

    @property
    def file(self) -> str:
        """The template of the policy."""
        return f"policies/{self.policy}.json"


def as_written(
    place: PolicyPlace, wanted: PolicyDocument | Unread, found: PolicyDocument
) -> Finding:
    """The policy means what its template in `policies/` says, filled in."""
    rule = f"as {place.file}"
    if isinstance(wanted, Unread):
        return place.thing.unknown(place.aspect, rule, wanted.why)
    if said := differences(wanted, found):
        what = f"the policy is not {place.file}: {'; '.join(said)}"
        why = "somebody may do more, or less, than was reviewed and proved"
        return place.thing.red(place.aspect, rule, what, why=why, remedy=_UPDATE + place.remedy)
    return place.thing.green(place.aspect, rule)


def no_deleted_principal(place: PolicyPlace, found: PolicyDocument) -> Finding:
    """No principal is the unique id that IAM leaves where a deleted role or user was named."""
    stale = [
        f"{who} in {name_of(statement)}"
        for statement in statements_of(found)
        for element in ("Principal", "NotPrincipal")
        for _, who in principals_of(statement.get(element))
        if _DELETED.fullmatch(who)
    ]
    if not stale:
        return place.thing.green(place.aspect, "no deleted principal")
    return place.thing.red(
        place.aspect,
        "no deleted principal",
        f"a principal was deleted: {', '.join(stale)}",
        why="IAM keeps a deleted principal's unique id: one of the same name does not match it",
        remedy=f"name the account and test aws:PrincipalArn, as {place.file} does: {place.remedy}",
    )


def has_room(place: PolicyPlace, *found: PolicyDocument) -> Finding:
    """What AWS counts of the policy, all but white space, is not near its limit.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    size = sum(len(json.dumps(one, separators=(",", ":"))) for one in found)
    rule = f"size of {place.policy}"
    if size < _NEAR * place.size:
        return place.thing.green(Aspect.LIMITS, rule)
    return place.thing.red(
        Aspect.LIMITS,
        rule,
        f"the policy has {size} of {place.size} characters that AWS allows",
        why="the next change of it may be refused",
        remedy="list fewer repositories or choose shorter names, or ask AWS for a higher quota",
    )


def demands_external_id(place: PolicyPlace, wanted: str, trust: PolicyDocument) -> Finding:
    """The role is assumed with the external id of `tiercel.toml` and no other."""
    rule = "external id"
    asked = [
        _values(statement, "stringequals", "sts:externalid")
        for statement in statements_of(trust)
        if statement.get("Effect") == "Allow"
        and "sts:assumerole" in [str(one).lower() for one in listed(statement.get("Action"))]
    ]
    if all(values == {wanted} for values in asked):
        return place.thing.green(Aspect.TRUST, rule)
    others = {value for values in asked for value in values} - {wanted}
    what = "the trust demands no external id"
    if others:
        shown = ", ".join(sorted(others))
        what = f"the trust accepts the external id {shown}, tiercel.toml says {wanted}"
    why = "a caller that was meant for another environment is not stopped"
    remedy = f"correct external_id in tiercel.toml, or {place.remedy}"
    return place.thing.red(Aspect.TRUST, rule, what, why=why, remedy=remedy)


def limits_audience(place: PolicyPlace, trust: PolicyDocument) -> Finding:
    """Tokens of GitHub are accepted only if they were made for AWS."""
    missing = [
        name_of(one)
        for one in _for_github(trust)
        if _values(one, "stringequals", f"{GITHUB_ISSUER}:aud") != {"sts.amazonaws.com"}
    ]
    if not missing:
        return place.thing.green(Aspect.TRUST, "audience of GitHub's tokens")
    return place.thing.red(
        Aspect.TRUST,
        "audience of GitHub's tokens",
        f"{', '.join(missing)}: {GITHUB_ISSUER}:aud is not limited to sts.amazonaws.com",
        why="a token that a workflow got for another service opens the role, too",
        remedy=place.remedy,
    )


def limits_subject(place: PolicyPlace, wanted: tuple[str, ...], trust: PolicyDocument) -> Finding:
    """Tokens of GitHub are accepted only from the repositories and the environment meant."""
    open_to = []
    for one in _for_github(trust):
        operators = ("stringequals", "stringlike")
        subjects = set[str]().union(*(_values(one, op, f"{GITHUB_ISSUER}:sub") for op in operators))
        if not subjects:
            open_to.append(f"{name_of(one)} accepts every workflow on GitHub")
        elif others := subjects - set(wanted):
            open_to.append(f"{name_of(one)} accepts {', '.join(sorted(others))}")
    if not open_to:
        return place.thing.green(Aspect.TRUST, "subject of GitHub's tokens")
    return place.thing.red(
        Aspect.TRUST,
        "subject of GitHub's tokens",
        f"{GITHUB_ISSUER}:sub is not limited: {'; '.join(open_to)}",
        why="workflows of other repositories, or pull requests, may start runs",
        remedy=place.remedy,
    )


def demands_tls(place: PolicyPlace, bucket_arn: str, found: PolicyDocument) -> Finding:
    """Requests without TLS are denied to everybody, for the bucket and all its objects."""
    needed = {
        ("effect", "Deny"),
        ("action", "s3:*"),
        ("principal aws", "*"),
        ("resource", bucket_arn),
        ("resource", f"{bucket_arn}/*"),
        ("bool aws:securetransport", "false"),
    }
    for statement in statements_of(found):
        parts = {(element.lower(), value) for element, value in parts_of(statement)}
        narrowing = {element for element, _ in parts} - {element for element, _ in needed}
        if needed <= parts and not narrowing:
            return place.thing.green(Aspect.POLICY, "TLS only")
    return place.thing.red(
        Aspect.POLICY,
        "TLS only",
        "the policy does not deny requests without TLS",
        why="artifacts could be read or changed on their way",
        remedy=place.remedy,
    )


def missing_policy(place: PolicyPlace, found: Unread | None) -> Finding:
    """There is a policy, and it can be read: else nothing more can be said of it."""
    rule = f"as {place.file}"
    if isinstance(found, Unread):
        return unread(place.thing, place.aspect, rule, found)
    return place.thing.red(
        place.aspect,
        rule,
        "there is no policy",
        why=f"{place.file} is not in force",
        remedy=place.remedy,
    )


def unread(thing: Thing, aspect: Aspect, rule: str, found: Unread) -> Finding:
    """Whatever can be read with the permissions of `policies/` was read."""
    if found.passing:
        return thing.unknown(aspect, rule, found.why)
    return thing.red(
        aspect,
        rule,
        f"{rule}: cannot be read",
        why=found.why,
        remedy="the role that reads it lacks a permission of policies/: provision the accounts",
    )


def _for_github(trust: PolicyDocument) -> list[PolicyDocument]:
    return [
        one
        for one in statements_of(trust)
        if one.get("Effect") == "Allow"
        and any(who.endswith(f"/{GITHUB_ISSUER}") for _, who in principals_of(one.get("Principal")))
    ]


def _values(statement: PolicyDocument, operator: str, key: str) -> set[str]:
    """Return the values that a condition tests a key for, with this very operator."""
    for name, tests in (statement.get("Condition") or {}).items():
        for tested, values in tests.items():
            if (name.lower(), tested.lower()) == (operator, key.lower()):
                return {str(value) for value in listed(values)}
    return set()
