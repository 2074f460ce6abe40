"""Artifacts are signed where they were built or pulled to, and verified before each deploy."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from prefect import get_run_logger

from tiercel.domain.artifact.dsse import Envelope
from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.artifact.provenance import Build, attested_digests, provenance_key, statement_of
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names, Role
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.tasks.aws.signing import SigningKey, read_signing_key, sign_provenance
from tiercel.tasks.packaging.builder import Built
from tiercel.tasks.records.provenance import verify_artifact, write_provenance
from tiercel.tasks.source.mirrors import server_url
from tiercel.tasks.source.repository import find_objects


async def require_provenance(access: Access, names: Names, manifest: Manifest) -> Envelope:
    """Return an artifact's provenance if it is what the environment's own key has signed.

    `access` reads the artifacts of the environment that `names` is of. The key comes from
    the topology. Raises UntrustedArtifactError for whatever is not as it was signed.
    """
    key = await call(read_signing_key, access, names.signing_key_arn)
    return await call(verify_artifact, Records(access, names.artifact_bucket), manifest, key)


async def sign_build(
    prepared: PreparedCommit,
    built: Built,
    key: SigningKey,
    known: Collection[str],
    started: datetime,
    finished: datetime,
) -> None:
    """Sign what this run has just built, unless an earlier run has; before its manifest.

    So a manifest is never without provenance. `known` are the keys of the provenance of
    all builds of this source.
    """
    manifest = built.manifest
    others = attested_digests(known) - {manifest.digest}
    if others:
        get_run_logger().warning(
            "%s: the build is not reproducible: an earlier one gave other bytes", manifest.service
        )
    if provenance_key(manifest, key.arn) in known:
        return
    commit = prepared.commit
    objects = await call(find_objects, commit, list(manifest.source.objects))
    statement = statement_of(
        manifest,
        Build(
            server=server_url(),
            repository=commit.repository,
            commit=commit.sha,
            object_types={path: one.kind for path, one in objects.items()},
            builder=prepared.target.names.role_arn(Role.ORCHESTRATOR),
            run=prepared.target.run,
            started=started,
            finished=finished,
            others=others,
            place=built.place,
            image=built.image,
        ),
    )
    await _sign(prepared, manifest, key, Envelope(payload=statement, signatures=()))


async def countersign(
    prepared: PreparedCommit,
    manifest: Manifest,
    key: SigningKey,
    known: Collection[str],
    verified: Envelope,
) -> None:
    """Sign what another environment built and this run verified, unless an earlier run has.

    The statement stays the builder's. The environment depends on its own key alone from
    then on, whatever becomes of the other one.
    """
    if provenance_key(manifest, key.arn) not in known:
        await _sign(prepared, manifest, key, verified)


async def _sign(
    prepared: PreparedCommit, manifest: Manifest, key: SigningKey, envelope: Envelope
) -> None:
    records = prepared.target.records
    signature = await call(sign_provenance, records.access, key, manifest.service, envelope.payload)
    signed = envelope.signed_by(signature)
    await call(write_provenance, records, manifest, key, signed)
