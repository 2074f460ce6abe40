"""What a check does in the accounts: read, compare with what must be, and try for real."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, ParamSpec, TypeVar

from tiercel.domain.accounts.bucket_check import check_bucket
from tiercel.domain.accounts.findings import Aspect, Finding
from tiercel.domain.accounts.key_check import check_key
from tiercel.domain.accounts.observations import KeySeen, Unread
from tiercel.domain.accounts.role_check import check_boundary, check_role
from tiercel.domain.accounts.use_check import (
    accepts_github,
    are_protected,
    quotas_have_room,
    worked,
)
from tiercel.domain.accounts.wanted_environment import INFRASTRUCTURE_ROLES, WantedEnvironment
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Access, Target
from tiercel.domain.organization.names import RUNTIME_ROLES, Names, Role
from tiercel.flows.engine.concurrency import call, each
from tiercel.tasks.accounts.check_cloudformation import (
    find_unprotected_stacks,
    read_stack_quota,
    try_change_set,
)
from tiercel.tasks.accounts.check_iam import (
    read_iam_quotas,
    read_identity_provider,
    read_managed_policy,
    read_role,
)
from tiercel.tasks.accounts.check_kms import try_encryption, try_signing, try_verifying
from tiercel.tasks.accounts.check_s3 import leave_marker, read_bucket, read_marker, try_staging
from tiercel.tasks.engine.task import WorldTask

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Part = Callable[[], Coroutine[Any, Any, list[Finding]]]

_NOBODY = "another service of AWS becomes it, no check can"


@dataclass(frozen=True)
class CheckTarget(Target):
    """Where a check looks, as whom, and how it must be there.

    `source` has the names of the environment from which this one pulls, if there is one.
    """

    wanted: WantedEnvironment
    source: Names | None = None


async def attempt(task: WorldTask[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R | Unread:
    """Await a task; a failure is something that a check found."""
    try:
        return await call(task, *args, **kwargs)
    except TiercelError as error:
        return Unread.of(error)


async def all_of(parts: Sequence[_Part]) -> list[Finding]:
    """Await all parts, a few at once, and return what they found in their order."""
    return list(chain.from_iterable(await each(parts, lambda part: part())))


def infrastructure_parts(
    place: CheckTarget, artifact_key: KeySeen | Unread | None, signing_key: KeySeen | Unread | None
) -> list[_Part]:
    """Return what the orchestrator reads in its own account."""
    wanted, who = place.wanted, place.orchestrator

    async def keys() -> list[Finding]:
        return [
            *check_key(wanted.encryption_key, artifact_key),
            *check_key(wanted.signing_key, signing_key),
        ]

    async def bucket() -> list[Finding]:
        seen = await attempt(read_bucket, who, place.names.artifact_bucket)
        return check_bucket(wanted.artifact_bucket, seen)

    async def provider() -> list[Finding]:
        seen = await attempt(read_identity_provider, who, place.names.github_provider_arn)
        return [accepts_github(wanted.infrastructure("GitHub's provider"), wanted.remedy, seen)]

    return [*(_role(place, who, role) for role in INFRASTRUCTURE_ROLES), bucket, keys, provider]


def runtime_parts(place: CheckTarget) -> list[_Part]:
    """Return what the auditor reads in the RuntimeAccount."""
    wanted, who, names = place.wanted, place.auditor, place.names

    async def bucket() -> list[Finding]:
        seen = await attempt(read_bucket, who, names.staging_bucket)
        return check_bucket(wanted.staging_bucket, seen)

    async def quotas() -> list[Finding]:
        stacks = await attempt(read_stack_quota, who)
        identities = await attempt(read_iam_quotas, who)
        return [
            *quotas_have_room(wanted.runtime("stacks"), "stacks", stacks),
            *quotas_have_room(wanted.runtime("account"), "roles and managed policies", identities),
        ]

    async def protection() -> list[Finding]:
        seen = await attempt(find_unprotected_stacks, who, names.prefix)
        return [are_protected(wanted.runtime("stacks"), seen)]

    parts = [*roles_of_stacks(place), bucket, quotas]
    return [*parts, protection] if names.environment.production else parts


def roles_of_stacks(place: CheckTarget) -> list[_Part]:
    """Return what the auditor reads of an environment's roles in the RuntimeAccount."""
    wanted, who, names = place.wanted, place.auditor, place.names

    async def boundary() -> list[Finding]:
        seen = await attempt(read_managed_policy, who, names.boundary_arn)
        return check_boundary(wanted.boundary, wanted.boundary_policy, wanted.remedy, seen)

    roles = [role for role in names.roles if role in RUNTIME_ROLES]
    return [*(_role(place, who, role) for role in roles), boundary]


def uses(place: CheckTarget, artifact_key: str, signing_key: str, *, deploys: bool) -> list[_Part]:
    """Return what is done for real, and undone. Without a deployer it cannot take part."""
    wanted, names = place.wanted, place.names
    boss, remedy = place.orchestrator, wanted.remedy

    async def encryption() -> list[Finding]:
        seen = await attempt(try_encryption, boss, artifact_key)
        return [worked(wanted.encryption_key.thing, "encrypt and decrypt", seen, remedy)]

    async def signing() -> list[Finding]:
        thing = wanted.signing_key.thing
        signed = await attempt(try_signing, boss, signing_key)
        found = [worked(thing, "sign and verify", signed, remedy)]
        if deploys and isinstance(signed, bytes):
            seen = await attempt(try_verifying, place.deployer, signing_key, signed)
            found.append(worked(thing, "the deployer verifies", seen, remedy))
        return found

    async def objects() -> list[Finding]:
        thing, bucket = wanted.artifact_bucket.thing, names.artifact_bucket
        left = await attempt(leave_marker, boss, bucket)
        found = [worked(thing, "put, head and get", left, remedy)]
        if deploys and not isinstance(left, Unread):
            seen = await attempt(read_marker, place.deployer, bucket)
            found.append(worked(thing, "the deployer heads and gets", seen, remedy))
        return found

    parts: list[_Part] = [objects]
    parts += [encryption] if artifact_key else []
    parts += [signing] if signing_key else []
    parts += [_pulling(place, place.source)] if place.source else []
    return parts + (_deploying(place) if deploys else [])


def not_used(place: CheckTarget) -> list[Finding]:
    """Say of which roles and quotas a check cannot know whether they work."""
    wanted = place.wanted
    account = "the orchestrator may not read the InfrastructureAccount's quotas"
    missing = "no role may read the quotas of Lambda, S3 and API Gateway"
    return [
        wanted.role_thing(Role.BUILDER).unknown(Aspect.USE, "assumed", _NOBODY),
        wanted.role_thing(Role.VERIFIER).unknown(Aspect.USE, "assumed", _NOBODY),
        wanted.role_thing(Role.TRIGGER).unknown(
            Aspect.USE, "assumed", "only workflows on GitHub have a token that opens it"
        ),
        wanted.role_thing(Role.CLOUDFORMATION).unknown(
            Aspect.USE,
            "assumed",
            "CloudFormation becomes it to change a stack, which no check does",
        ),
        wanted.infrastructure("account").unknown(Aspect.LIMITS, "quotas", account),
        wanted.runtime("account").unknown(Aspect.LIMITS, "other quotas", missing),
    ]


def _role(place: CheckTarget, who: Access, role: Role) -> _Part:
    async def part() -> list[Finding]:
        seen = await attempt(read_role, who, place.names.role(role))
        return check_role(place.wanted.role(role), seen)

    return part


def _deploying(place: CheckTarget) -> list[_Part]:
    wanted, names, who = place.wanted, place.names, place.deployer

    async def staging() -> list[Finding]:
        seen = await attempt(try_staging, who, names.staging_bucket, place.run)
        rule = "put, head, get and delete"
        return [worked(wanted.staging_bucket.thing, rule, seen, wanted.remedy)]

    async def change_set() -> list[Finding]:
        role = names.role_arn(Role.CLOUDFORMATION)
        seen = await attempt(try_change_set, who, names.check_stack, role, place.run)
        return [worked(wanted.runtime("stacks"), "change set", seen, wanted.remedy)]

    return [staging, change_set]


def _pulling(place: CheckTarget, source: Names) -> _Part:
    """The next environment reads what the one before it verified."""
    thing = place.wanted.infrastructure(f"artifacts of {source.environment.name}")
    who = replace(place.orchestrator, region=source.environment.region)

    async def part() -> list[Finding]:
        seen = await attempt(read_marker, who, source.artifact_bucket)
        rule = "head and get"
        if seen is False:
            why = f"there is no marker yet: check {source.environment.name} first"
            return [thing.unknown(Aspect.USE, rule, why)]
        return [worked(thing, rule, seen, place.wanted.remedy)]

    return part
