"""What production has live, as it tells the environment that it promotes from.

No identity of that environment reaches production, so production itself writes it down there:
which artifacts run, by their digests, and no parameter, output or name of what a stack holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from tiercel.domain.base.digests import ArtifactDigest, ArtifactId
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.values import Frozen
from tiercel.domain.configuration.requests import COMMIT_ID_PATTERN, LARGEST_RELEASE
from tiercel.domain.organization.parts import EnvironmentName, OneRepository, ServiceName
from tiercel.domain.release.ledger import Intent
from tiercel.domain.release.live import Live

_HEXADECIMAL = StringConstraints(pattern=r"^[0-9a-f]{64}$")
_CommitId = Annotated[str, StringConstraints(pattern=COMMIT_ID_PATTERN)]


class LiveArtifact(Frozen):
    """What one stack runs: `number` is its release there, `at` when that was asked for."""

    service: ServiceName
    number: Annotated[int, Field(ge=1, le=LARGEST_RELEASE)]
    repository: OneRepository
    commit: _CommitId
    artifact_id: Annotated[ArtifactId, _HEXADECIMAL]
    artifact_digest: Annotated[ArtifactDigest, _HEXADECIMAL]
    at: datetime


class LiveExport(StoredRecord):
    """Everything that an environment has live, by service, and since when it says so."""

    environment: EnvironmentName
    at: datetime
    artifacts: tuple[LiveArtifact, ...]


def live_key(environment: str) -> str:
    """Return the key under which an environment's export lies where that promotes from."""
    return f"live/{environment}.json"


def export_of(
    environment: str,
    prefix: str,
    found: Iterable[Live],
    current_name: Callable[[str], str],
    at: datetime,
) -> LiveExport:
    """Return what the stacks with this prefix run, as their ledger has it."""
    running = [one.running.intent for one in found if one.running and one.stack.startswith(prefix)]
    artifacts = (_artifact(intent, current_name) for intent in running)
    ordered = tuple(sorted(artifacts, key=lambda one: one.service))
    return LiveExport(environment=environment, at=at, artifacts=ordered)


def _artifact(intent: Intent, current_name: Callable[[str], str]) -> LiveArtifact:
    return LiveArtifact(
        service=intent.service,
        number=intent.number,
        repository=current_name(intent.repository),
        commit=intent.commit,
        artifact_id=intent.artifact_id,
        artifact_digest=intent.artifact_digest,
        at=intent.at,
    )


def says_the_same(one: LiveExport | None, other: LiveExport) -> bool:
    """Tell whether two exports have the same artifacts, whenever they were written."""
    return one is not None and one.artifacts == other.artifacts


def newest_commit(exported: LiveExport | None, repository: str) -> str:
    """Return the commit of the newest release of a repository that is live, empty for none."""
    mine = [one for one in exported.artifacts if one.repository == repository] if exported else []
    return max(mine, key=lambda one: one.at).commit if mine else ""


def not_told(environment: str, where: str) -> RefusedInputError:
    """Return the error of an environment that has not told yet what it has live."""
    return RefusedInputError(
        "live.not_told",
        f"{environment} has not told what it has live",
        where=where,
        why=f"every promotion to {environment} and every rollback there tells it at its end",
        state="nothing was made",
        remedy=f"run the newest promotion to {environment} once more: it changes no stack that "
        "runs it already",
    )
