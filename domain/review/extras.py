"""What a pull request's comment says besides: sizes of packages, and its environment on demand."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.values import Frozen
from tiercel.domain.ephemeral.environments import EphemeralRecord, OriginKind
from tiercel.domain.gitflow.pull_requests import PullRequest


class Packages(Frozen):
    """Bytes of a service's packages after a merge, and before; None if those were never built."""

    after: int
    before: int | None = None


def packaged_bytes(manifest: Manifest) -> int:
    """Return how large a service's packages are together, its templates left out."""
    return sum(one.size for one in manifest.objects if not one.key.endswith(".template"))


def made_from(records: Iterable[EphemeralRecord], pull: PullRequest) -> tuple[EphemeralRecord, ...]:
    """Return the records of environments that were made from a pull request and are there."""
    return tuple(
        one
        for one in records
        if one.is_active
        and one.origin is OriginKind.PULL_REQUEST
        and one.origin_of == str(pull.number)
        and one.repository.lower() == pull.repository.lower()
    )
