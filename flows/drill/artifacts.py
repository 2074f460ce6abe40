"""What a drill rebuilds from is whole before anything is deleted: from the bucket, or from git."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger

from tiercel.domain.drill.rules import of_another_source
from tiercel.domain.release.ledger import Intent
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.release.preparation import ReleaseTarget, prepare
from tiercel.flows.release.publication import build_again
from tiercel.tasks.teardown.artifacts import missing_of_artifact


async def find_gone(target: ReleaseTarget, intents: Sequence[Intent]) -> list[Intent]:
    """Return the releases of which a part of the artifact is gone."""

    async def missing(intent: Intent) -> list[str]:
        return await call(missing_of_artifact, target.records, intent)

    found = await each(intents, missing)
    gone = [intent for intent, keys in zip(intents, found, strict=True) if keys]
    for intent in gone:
        get_run_logger().warning(
            "%s: its artifact is gone, it is built again from git first", intent.service
        )
    return gone


async def make_whole(intents: Sequence[Intent]) -> None:
    """Build again from git what is gone; each has to be what the ledger says, to the byte.

    Raises RefusedInputError or ArtifactConflictError otherwise: then nothing is deleted.
    """
    for intent in intents:
        prepared = await prepare(intent.repository, intent.commit, intent.environment)
        tree = prepared.trees.get(intent.service)
        if tree is None or tree.artifact_id != intent.artifact_id:
            raise of_another_source(intent)
        await build_again(prepared, intent.service, intent.artifact_digest)
