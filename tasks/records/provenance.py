"""Provenance in the artifact bucket: written before the manifest, verified before a deploy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pydantic import ValidationError

from tiercel.domain.artifact.dsse import Envelope
from tiercel.domain.artifact.manifest import Manifest, PackagedObject
from tiercel.domain.artifact.provenance import (
    BUILD_TYPE,
    is_about,
    newer_build_type,
    not_signed,
    provenance_key,
    provenance_prefix,
    read_statement,
    unsigned,
)
from tiercel.domain.artifact.source_tree import SourceTree
from tiercel.domain.base.errors import ArtifactConflictError, UntrustedArtifactError
from tiercel.domain.base.record import of_newer_tiercel
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.objects import (
    create_object,
    list_keys,
    missing_package,
    read_object,
    stored_sha256,
)
from tiercel.tasks.aws.signing import SigningKey
from tiercel.tasks.engine.task import world_task

_AT_ONCE = 8


@world_task("find provenance", "find provenance of {tree.service}")
def find_provenance(records: Records, tree: SourceTree) -> list[str]:
    """Return the keys of all provenance of what was built from a source tree."""
    return list_keys(
        records.access, records.bucket, provenance_prefix(tree.service, tree.artifact_id)
    )


@world_task("write provenance", "write provenance of {manifest.service}")
def write_provenance(
    records: Records, manifest: Manifest, key: SigningKey, envelope: Envelope
) -> None:
    """Create the provenance of an artifact; an earlier one by the same key stands.

    Two runs that build the same sign at different times. Raises UntrustedArtifactError if
    what is there already is not genuine.
    """
    try:
        create_object(
            records.access, records.bucket, provenance_key(manifest, key.arn), envelope.to_bytes()
        )
    except ArtifactConflictError:
        verified_envelope(records, manifest, key)


@world_task("verify artifact", "verify artifact of {manifest.service}")
def verify_artifact(records: Records, manifest: Manifest, key: SigningKey) -> Envelope:
    """Return an artifact's provenance if the key signed it and all of the artifact is as signed.

    Raises UntrustedArtifactError, with a message of its own for each part, if not.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        digests = pool.map(
            lambda one: stored_sha256(records.access, records.bucket, one.key), manifest.objects
        )
        envelope = verified_envelope(records, manifest, key)
        for package, found in zip(manifest.objects, digests, strict=True):
            _check_package(manifest, package, found, records.bucket)
    return envelope


def verified_envelope(records: Records, manifest: Manifest, key: SigningKey) -> Envelope:
    """Return the provenance of a manifest if the key signed it; UntrustedArtifactError if not.

    RefusedInputError if a newer Tiercel made it: nothing of it is looked at before its signature.
    """
    name = provenance_key(manifest, key.arn)
    where = f"s3://{records.bucket}/{name}"
    body = read_object(records.access, records.bucket, name)
    if body is None:
        prefix = provenance_prefix(manifest.service, manifest.artifact_id)
        raise unsigned(manifest, where, list_keys(records.access, records.bucket, prefix))
    envelope = _parsed(body, manifest, where)
    is_ours = is_about(read_statement(envelope.payload), manifest)
    if not key.made(envelope):
        raise _not_genuine(envelope, manifest, key, where, is_ours=is_ours)
    newer = newer_build_type(envelope.payload)
    if newer:
        raise of_newer_tiercel(where, f"its build type is {newer}", BUILD_TYPE)
    if not is_ours:
        raise not_signed("the manifest", manifest, where, "the signed statement names other parts")
    return envelope


def _not_genuine(
    envelope: Envelope, manifest: Manifest, key: SigningKey, where: str, *, is_ours: bool
) -> UntrustedArtifactError:
    """Say what most likely was changed; that something was is certain."""
    if envelope.signature_of(key.arn) is None:
        names = ", ".join(one.keyid for one in envelope.signatures) or "nobody"
        return _refused(
            "provenance.signed_by_other_key",
            f"the provenance of {manifest.service} was signed with another key",
            where=where,
            why=f"signed by {names}, not by {key.arn}",
        )
    if not is_ours:
        return _refused(
            "provenance.statement_changed",
            f"the statement of the provenance of {manifest.service} was changed",
            where=where,
            why="it is not about this artifact, and its signature does not fit it",
        )
    return _refused(
        "provenance.forged",
        f"the signature of the provenance of {manifest.service} is not genuine",
        where=where,
        why=f"{key.arn} has not signed this statement",
    )


def _parsed(body: bytes, manifest: Manifest, where: str) -> Envelope:
    try:
        return Envelope.model_validate_json(body)
    except ValidationError as error:
        raise _refused(
            "provenance.damaged",
            f"the provenance of {manifest.service} is damaged",
            where=where,
            why=str(error),
        ) from error


def _check_package(
    manifest: Manifest, package: PackagedObject, found: str | None, bucket: str
) -> None:
    if found is None:
        raise missing_package(bucket, package)
    if found != package.sha256:
        what = "the template" if package == manifest.template else "a package"
        where = f"s3://{bucket}/{package.key}"
        raise not_signed(what, manifest, where, f"its SHA-256 is {found}")


def _refused(code: str, what: str, *, where: str, why: str) -> UntrustedArtifactError:
    return UntrustedArtifactError(
        code,
        what,
        where=where,
        why=why,
        state="nothing was changed",
        remedy="find out who wrote it, and remove its newer versions as the role `retention`",
    )
