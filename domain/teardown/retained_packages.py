"""What becomes of the packages of an artifact bucket, once it is known which manifests stay."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from tiercel.domain.teardown.retention import (
    LOOKED_AT_AGAIN,
    KeepReason,
    ManifestSeen,
    Needs,
    PackageSeen,
    Retained,
    RetentionDecision,
    age_of,
    artifact_in,
)

_PACKAGE = re.compile(r"packages/[0-9a-f]{64}\.[a-z]+")


def decide_packages(
    packages: Iterable[PackageSeen],
    manifests: Collection[ManifestSeen],
    needs: Needs,
    now: datetime,
) -> tuple[RetentionDecision, ...]:
    """Return what is done about every package, by key. `manifests` are as they are by now."""
    named = _named(manifests, needs)
    lately = frozenset(
        key for one in manifests if one.hidden and age_of(one.hidden, now) < LOOKED_AT_AGAIN
        for key in one.packages or ()
    )  # fmt: skip
    found = [_of_package(one, named, lately, needs, now) for one in packages]
    return tuple(sorted(found, key=lambda one: one.key))


def _named(manifests: Collection[ManifestSeen], needs: Needs) -> frozenset[str] | None:
    """Return the keys that manifests name, None if one of them cannot be read.

    What is hidden and needed again is restored, and names what it needs.
    """
    counted = [one for one in manifests if not one.hidden or _is_needed(one, needs)]
    if any(one.packages is None for one in counted):
        return None
    return frozenset(_keys(counted))


def _keys(manifests: Iterable[ManifestSeen]) -> Iterator[str]:
    for one in manifests:
        yield from one.packages or ()


def _is_needed(one: ManifestSeen, needs: Needs) -> bool:
    artifact = artifact_in(one.key)
    return artifact in (needs.live or ()) or artifact in (needs.newest or ())


def _of_package(
    one: PackageSeen,
    named: frozenset[str] | None,
    lately: frozenset[str],
    needs: Needs,
    now: datetime,
) -> RetentionDecision:
    step, reason = _step_of_package(one, named, lately, needs, now)
    return RetentionDecision(one.key, step, reason, one.size)


def _step_of_package(
    one: PackageSeen,
    named: frozenset[str] | None,
    lately: frozenset[str],
    needs: Needs,
    now: datetime,
) -> tuple[Retained, KeepReason]:
    if not _PACKAGE.fullmatch(one.key):
        return Retained.KEEP, KeepReason.NOT_OURS
    if named is not None and one.key in named:
        hidden = one.hidden is not None
        step = Retained.RESTORE if hidden else Retained.KEEP
        return step, KeepReason.NEEDED_AGAIN if hidden else KeepReason.NAMED
    checks = {
        KeepReason.NAMES_UNKNOWN: named is None,
        KeepReason.UNKNOWN: needs.live is None or needs.newest is None,
        KeepReason.NAMED_LATELY: one.key in lately,
        KeepReason.YOUNG: age_of(one.written, now) < timedelta(days=needs.days),
        KeepReason.HIDDEN_LATELY: bool(one.hidden) and age_of(one.hidden, now) < LOOKED_AT_AGAIN,
    }
    reason = next((reason for reason, holds in checks.items() if holds), KeepReason.UNNEEDED)
    if reason is not KeepReason.UNNEEDED:
        return Retained.KEEP, reason
    return (Retained.REMOVE if one.hidden else Retained.HIDE), reason
