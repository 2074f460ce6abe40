"""Manifests in the artifact bucket: found by source tree, written last."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from pydantic import ValidationError

from tiercel.domain.artifact.manifest import Manifest, PackagedObject, manifest_key
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.digests import ArtifactDigest, ArtifactId, sha256_hex
from tiercel.domain.base.errors import ArtifactConflictError, RefusedInputError
from tiercel.domain.base.record import read_stored
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.objects import create_object, read_object
from tiercel.tasks.engine.task import run_logger, world_task

_AT_ONCE = 8
"""Manifests that are read at the same time."""


@world_task("find artifact", "find artifact of {tree.service}")
def find_artifact(records: Records, tree: SourceTree) -> Manifest | None:
    """Return the manifest of what was built from a source tree, None if nothing was.

    Raises RefusedInputError if the manifest is damaged or belongs to another tree.
    """
    key = manifest_key(tree.service, tree.artifact_id)
    body = read_object(records.access, records.bucket, key)
    if body is None:
        return None
    where = f"s3://{records.bucket}/{key}"
    try:
        manifest = read_stored(Manifest, body, where)
    except ValidationError as error:
        raise _damaged(where, str(error)) from error
    if manifest.source != tree or manifest.artifact_id != tree.artifact_id:
        raise _damaged(where, "it was made from another source tree")
    return manifest


@world_task("read artifact", "read artifact of {service}")
def read_artifact(
    records: Records, service: str, artifact_id: ArtifactId, digest: ArtifactDigest
) -> Manifest:
    """Return the manifest of an artifact that the ledger names, its digest checked."""
    where = f"s3://{records.bucket}/{manifest_key(service, artifact_id)}"
    body = read_object(records.access, records.bucket, manifest_key(service, artifact_id))
    if body is None or sha256_hex(body) != digest:
        found = "there is none" if body is None else f"its digest is {sha256_hex(body)}"
        raise _damaged(where, f"the ledger says {digest}, {found}")
    try:
        return read_stored(Manifest, body, where)
    except ValidationError as error:
        raise _damaged(where, str(error)) from error


@world_task("find needed packages")
def find_needed_packages(
    records: Records, artifacts: Collection[tuple[str, ArtifactId]]
) -> dict[str, PackagedObject] | None:
    """Return all packages of these artifacts, given by service and id, by their keys.

    None if one of them is not there or cannot be read: nobody knows then what it needs.
    """

    def packages(artifact: tuple[str, ArtifactId]) -> list[PackagedObject] | None:
        key = manifest_key(*artifact)
        body = read_object(records.access, records.bucket, key)
        return None if body is None else packages_in(body, f"s3://{records.bucket}/{key}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(packages, artifacts))
    if any(one is None for one in found):
        return None
    return {one.key: one for some in found for one in some or ()}


def packages_in(body: bytes, where: str) -> list[PackagedObject] | None:
    """Return the packages that a manifest names, None if it cannot be read."""
    try:
        manifest = read_stored(Manifest, body, where)
    except (ValidationError, RefusedInputError):
        return None
    return [manifest.template, *manifest.objects]


@world_task("write manifest", "write manifest of {manifest.service}")
def write_manifest(records: Records, manifest: Manifest) -> Manifest:
    """Create the manifest, which completes the artifact; return the one that stands.

    Its packages have to be uploaded before: a manifest is the proof that they are there.
    """
    key = manifest_key(manifest.service, manifest.artifact_id)
    try:
        create_object(records.access, records.bucket, key, manifest.to_bytes())
    except ArtifactConflictError:
        run_logger().warning(
            "%s: the build is not reproducible: another build of the same source came first "
            "and gave other bytes; its result stands",
            manifest.service,
        )
        return find_artifact.fn(records, manifest.source) or manifest
    return manifest


def _damaged(where: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        "artifact.manifest_damaged",
        "a manifest is damaged",
        where=where,
        why=why,
        state="nothing was deployed",
        remedy="remove the newer versions of that object as the role `retention`, and find out who "
        "wrote them",
    )
