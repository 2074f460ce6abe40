"""What a commit is built from becomes immutable packages, signed by the environment's key."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import Manifest, moved_words
from tiercel.domain.artifact.provenance import (
    provenance_key,
    require_as_recorded,
    require_rebuilt,
)
from tiercel.domain.base.digests import ArtifactDigest, short
from tiercel.domain.organization.services import Service
from tiercel.domain.template.outside_rules import require_allowed
from tiercel.flows.engine.concurrency import all_done, both, call, each
from tiercel.flows.engine.groups import in_group
from tiercel.flows.release.pages import report_publication
from tiercel.flows.release.preparation import PreparedCommit
from tiercel.flows.release.provenance import sign_build
from tiercel.flows.release.results import Published
from tiercel.tasks.aws.objects import upload_package
from tiercel.tasks.aws.signing import SigningKey, read_signing_key
from tiercel.tasks.packaging.builder import build_folder, build_service
from tiercel.tasks.records.artifacts import find_artifact, write_manifest
from tiercel.tasks.records.provenance import find_provenance


async def publish_all(prepared: PreparedCommit) -> dict[str, Published]:
    """Build and publish what the environment does not have yet of the commit, and show it."""
    one_per_core = asyncio.Semaphore(os.cpu_count() or 1)
    published = await all_done(
        _publish(prepared, service, one_per_core) for service in prepared.topology.services.values()
    )
    result = dict(zip(prepared.topology.services, published, strict=True))
    await report_publication(prepared, result)
    return result


async def _publish(
    prepared: PreparedCommit, service: Service, one_per_core: asyncio.Semaphore
) -> Published:
    records = prepared.target.records
    tree = prepared.trees[service.name]
    (found, known), key = await both(
        both(
            call(find_artifact, records, tree),
            call(find_provenance, records, tree),
        ),
        call(read_signing_key, records.access, prepared.target.names.signing_key_arn),
    )
    if found and provenance_key(found, key.arn) in known:
        get_run_logger().info(
            "%s: unchanged, artifact %s is published already", service.name, short(found.digest)
        )
        return Published(found, built=False, uploaded=0)
    async with one_per_core, in_group("publish", service.name):
        return await _build_and_upload(prepared, service, found, known, key)


async def _build_and_upload(
    prepared: PreparedCommit,
    service: Service,
    found: Manifest | None,
    known: list[str],
    key: SigningKey,
) -> Published:
    """Build, upload, sign, and write the manifest last; `found` is one without provenance."""
    records = prepared.target.records
    started = datetime.now(UTC)
    with build_folder() as folder:
        built = await call(
            build_service,
            prepared.commit,
            service,
            prepared.trees[service.name],
            prepared.topology.builds,
            folder,
            prepared.target.builder,
        )
        finished = datetime.now(UTC)
        require_rebuilt(found, built.manifest)
        require_allowed(built.manifest.outside, prepared.target.names.environment, None)
        created = await each(
            built.manifest.objects,
            lambda package: call(
                upload_package, records.access, records.bucket, package, built.files[package.sha256]
            ),
        )
    await sign_build(prepared, built, key, known, started, finished)
    manifest = await call(write_manifest, records, built.manifest)
    get_run_logger().info(
        "%s: published artifact %s, %s",
        service.name,
        short(manifest.digest),
        moved_words(sum(created), len(created), "uploaded"),
    )
    return Published(manifest, built=True, uploaded=sum(created))


async def build_again(prepared: PreparedCommit, service: str, digest: ArtifactDigest) -> Manifest:
    """Build an artifact of which a part is gone, and put back what is missing.

    Raises RefusedInputError if this build is not the recorded one to the byte: then nothing is
    uploaded.
    """
    records = prepared.target.records
    with build_folder() as folder:
        built = await call(
            build_service,
            prepared.commit,
            prepared.topology.services[service],
            prepared.trees[service],
            prepared.topology.builds,
            folder,
            prepared.target.builder,
        )
        require_as_recorded(service, built.manifest.digest, digest)
        await each(
            built.manifest.objects,
            lambda package: call(
                upload_package, records.access, records.bucket, package, built.files[package.sha256]
            ),
        )
    get_run_logger().info("%s: artifact %s is whole again", service, short(digest))
    return await call(write_manifest, records, built.manifest)
