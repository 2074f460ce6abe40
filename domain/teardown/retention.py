"""What an artifact bucket keeps, and what goes: first manifests, a day later packages.

What goes is hidden first, which S3 undoes by removing a delete marker; only a package that was
hidden for a day, and that nothing has asked for since, is removed for good. The versions of
manifests and provenance stay: they are small, and the ledger speaks of them for ever.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tiercel.domain.artifact.provenance import provenance_prefix
from tiercel.domain.base.digests import ArtifactId, Sha256
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.topology import LEAST_DAYS, Environment
from tiercel.domain.release.entries import Entry, UnreadableEntry

LOOKED_AT_AGAIN = timedelta(days=1)
"""So long lies between two steps towards the end of a package."""

_MANIFEST = re.compile(r"manifests/(?P<service>[a-z][a-z0-9-]*)/(?P<id>[0-9a-f]{64})\.json")

Artifact = tuple[str, ArtifactId]
"""A service, and the artifact of it: what a manifest's key consists of."""


class Retained(StrEnum):
    """What is done about an object."""

    KEEP = "keep"
    HIDE = "hide"
    RESTORE = "restore"
    REMOVE = "remove for good"


class KeepReason(StrEnum):
    """Why."""

    NOT_OURS = "it is none of Tiercel's objects"
    LIVE = "an environment runs it"
    NEWEST = "one of the newest releases of a stack is of it"
    YOUNG = "it is not old enough"
    UNKNOWN = "what environments run could not be found out"
    DAMAGED = "it cannot be read, so nobody knows what it needs"
    NAMED = "a manifest names it"
    NAMED_LATELY = "a manifest named it that was hidden within a day"
    NAMES_UNKNOWN = "a manifest that cannot be read may name it"
    HIDDEN = "it is hidden"
    HIDDEN_LATELY = "it was hidden within a day"
    NEEDED_AGAIN = "it was hidden and is needed again"
    UNNEEDED = "nothing needs it"


_STEPS = {
    KeepReason.UNNEEDED: Retained.HIDE,
    KeepReason.NEEDED_AGAIN: Retained.RESTORE,
}


@dataclass(frozen=True)
class ManifestSeen:
    """A manifest in the bucket. `packages` are the keys that it names, None if it is damaged.

    `hidden` is since when a delete marker hides it; then `packages` are of what it hides.
    """

    key: str
    written: datetime
    packages: frozenset[str] | None
    hidden: datetime | None = None
    digest: str = ""
    """The SHA-256 of its bytes, by which another environment's ledger names it."""


@dataclass(frozen=True)
class PackageSeen:
    """A package in the bucket, in bytes, and since when a delete marker hides it."""

    key: str
    written: datetime
    size: int = 0
    hidden: datetime | None = None


@dataclass(frozen=True)
class Needs:
    """What is kept whatever its age. `live` and `newest` are None where that is not known.

    `live` are the artifacts that run in the environment or in one that pulls from it, `newest`
    those of the newest releases of each stack.
    """

    live: frozenset[Artifact] | None
    newest: frozenset[Artifact] | None
    days: int = LEAST_DAYS


@dataclass(frozen=True)
class RetentionDecision:
    """What is done about one object, and why."""

    key: str
    step: Retained
    reason: KeepReason
    size: int = 0


def artifact_in(key: str) -> Artifact | None:
    """Return the service and artifact id in a manifest's key, None if it is no such key."""
    found = _MANIFEST.fullmatch(key)
    return (found["service"], ArtifactId(Sha256(found["id"]))) if found else None


def provenance_of(manifest: str) -> str:
    """Return what the keys of a manifest's provenance begin with, empty if it is no manifest."""
    artifact = artifact_in(manifest)
    return provenance_prefix(*artifact) if artifact else ""


def require_retention(environment: Environment) -> None:
    """Return if artifacts of an environment may go; RefusedInputError if that was not asked for.

    Those of production stay in any case.
    """
    why = "tiercel.toml does not switch it on"
    if environment.production:
        why = f"{environment.name} is production, whose artifacts stay"
    elif environment.retention.enabled:
        return
    raise RefusedInputError(
        "retention.not_on",
        f"the artifacts of {environment.name} all stay",
        where=f"environments.{environment.name}.retention.enabled",
        why=why,
        state="nothing was called",
        remedy="leave --delete away to see what nobody needs",
    )


def live_artifacts(digests: Collection[str], manifests: Iterable[ManifestSeen]) -> set[Artifact]:
    """Return of which artifacts these are the digests; another bucket's are none of ours."""
    found = (artifact_in(one.key) for one in manifests if one.digest in digests)
    return {one for one in found if one}


def decide_manifests(
    manifests: Iterable[ManifestSeen], needs: Needs, now: datetime
) -> tuple[RetentionDecision, ...]:
    """Return what is done about every manifest, by key."""
    found = [_of_manifest(one, needs, now) for one in manifests]
    return tuple(sorted(found, key=lambda one: one.key))


def _of_manifest(one: ManifestSeen, needs: Needs, now: datetime) -> RetentionDecision:
    reason = _reason_of_manifest(one, needs, now)
    if one.hidden:
        wanted = reason in (KeepReason.LIVE, KeepReason.NEWEST)
        reason = KeepReason.NEEDED_AGAIN if wanted else KeepReason.HIDDEN
    return RetentionDecision(one.key, _STEPS.get(reason, Retained.KEEP), reason)


def _reason_of_manifest(one: ManifestSeen, needs: Needs, now: datetime) -> KeepReason:
    artifact = artifact_in(one.key)
    checks = {
        KeepReason.NOT_OURS: artifact is None,
        KeepReason.LIVE: artifact in (needs.live or ()),
        KeepReason.NEWEST: artifact in (needs.newest or ()),
        KeepReason.UNKNOWN: needs.live is None or needs.newest is None,
        KeepReason.DAMAGED: one.packages is None,
        KeepReason.YOUNG: age_of(one.written, now) < timedelta(days=needs.days),
    }
    return next((reason for reason, holds in checks.items() if holds), KeepReason.UNNEEDED)


def age_of(moment: datetime | None, now: datetime) -> timedelta:
    """Return how long ago something was; what never was is of no age."""
    return now - moment if moment else timedelta(0)


def newest_artifacts(entries: Iterable[Entry]) -> frozenset[Artifact] | None:
    """Return the artifacts of these releases, None if one of them cannot be read.

    What an entry that cannot be read would say is not guessed.
    """
    found: set[Artifact] = set()
    for one in entries:
        if isinstance(one, UnreadableEntry):
            return None
        found.add((one.intent.service, one.intent.artifact_id))
    return frozenset(found)


def counts(stack: str, on_demand: str, alive: Collection[str]) -> bool:
    """Tell whether what the releases of a stack need is kept.

    `on_demand` is what the names of stacks on demand begin with. The stack of a permanent
    environment counts also while it is away: a drill builds it again from the ledger.
    """
    if not stack.startswith(on_demand):
        return True
    return stack.removeprefix(on_demand).partition("-")[0] in alive
