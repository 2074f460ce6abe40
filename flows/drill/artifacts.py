"""What a drill rebuilds from is whole before anything is deleted: from the bucket, or from git."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from prefect import get_run_logger

from tiercel.domain.base.digests import ArtifactDigest, ArtifactId
from tiercel.domain.drill.rules import of_another_source
from tiercel.domain.release.ledger import Intent
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.preparation import PreparedCommit, ReleaseTarget, prepare
from tiercel.flows.release.publication import build_again
from tiercel.tasks.teardown.artifacts import missing_of_artifact


class OfArtifact(Protocol):
    """What runs, or ran, an artifact."""

    @property
    def service(self) -> str:
        """Of which service."""

    @property
    def repository(self) -> str:
        """From which repository."""

    @property
    def commit(self) -> str:
        """From which commit."""

    @property
    def artifact_id(self) -> ArtifactId:
        """Built from which source tree."""

    @property
    def artifact_digest(self) -> ArtifactDigest:
        """Which bytes."""


_A = TypeVar("_A", bound=OfArtifact)


async def find_gone(target: ReleaseTarget, wanted: Sequence[_A]) -> list[_A]:
    """Return those of which a part of the artifact is gone."""

    async def missing(one: _A) -> list[str]:
        return await call(
            missing_of_artifact, target.records, one.service, one.artifact_id, one.artifact_digest
        )

    found = await each(wanted, missing)
    gone = [one for one, keys in zip(wanted, found, strict=True) if keys]
    for one in gone:
        get_run_logger().warning(
            "%s: its artifact is gone, it is built again from git first", one.service
        )
    return gone


async def make_whole(intents: Sequence[Intent]) -> None:
    """Build again from git what is gone; each has to be what the ledger says, to the byte.

    Raises RefusedInputError or ArtifactConflictError otherwise: then nothing is deleted.
    """
    for intent in intents:
        prepared = await prepare(intent.repository, intent.commit, intent.environment)
        await whole_again(prepared, intent)


async def whole_again(prepared: PreparedCommit, one: OfArtifact) -> None:
    """Build one again from its commit; raises as `make_whole` does."""
    tree = prepared.trees.get(one.service)
    if tree is None or tree.artifact_id != one.artifact_id:
        stack = prepared.target.names.stack(one.service)
        raise of_another_source(one.service, stack, one.repository, one.commit)
    await build_again(prepared, one.service, one.artifact_digest)
