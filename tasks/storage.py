"""S3: immutable objects, written once and checked whenever they are read."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from domain.access import Access
from domain.digests import sha256_hex
from domain.errors import ArtifactConflictError, TransientError, UnreachableError
from domain.manifest import PackagedObject
from tasks.aws_errors import code_of, translated
from tasks.clients import client
from tasks.task import world_task

# CreateObject lost a race against a delete or another create of the same key.
_CONFLICTS = ("ConditionalRequestConflict", "PreconditionFailed")


def create_object(access: Access, bucket: str, key: str, body: bytes) -> bool:
    """Create an object unless it exists; True if this call created it.

    It is encrypted with the bucket's own KMS key. Raises ArtifactConflictError if the
    object exists with other bytes.
    """
    digest = hashlib.sha256(body).digest()
    with translated("write an object", f"s3://{bucket}/{key}"):
        try:
            answer = client("s3", access).put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                IfNoneMatch="*",
                ChecksumSHA256=base64.b64encode(digest).decode(),
            )
        except ClientError as error:
            if code_of(error) not in _CONFLICTS:
                raise
            _same_bytes(access, bucket, key, digest.hex())
            return False
    _encrypted(answer, bucket, key)
    return True


def _encrypted(answer: dict[str, Any], bucket: str, key: str) -> None:
    """Naming no key makes S3 use the bucket's; a bucket without one is not ours."""
    if answer.get("ServerSideEncryption") != "aws:kms":
        raise UnreachableError(
            "the bucket does not encrypt with a KMS key",
            where=f"s3://{bucket}/{key}",
            why=f"S3 says: {answer.get('ServerSideEncryption', 'no encryption')}",
            remedy="provision the environment's accounts again",
        )


def _same_bytes(access: Access, bucket: str, key: str, sha256: str) -> None:
    found = sha256_hex(read_object(access, bucket, key) or b"")
    if found != sha256:
        raise ArtifactConflictError(
            "an immutable object exists already with other bytes",
            where=f"s3://{bucket}/{key}",
            why=f"it has SHA-256 {found}, this one has {sha256}",
            state="the object that was there first stands; nothing was overwritten",
            remedy="the build is not reproducible: pin what it installs, then change the source",
        )


def read_object(access: Access, bucket: str, key: str) -> bytes | None:
    """Return an object's bytes, or None if there is no such object."""
    with translated("read an object", f"s3://{bucket}/{key}"):
        try:
            answer = client("s3", access).get_object(Bucket=bucket, Key=key)
            return bytes(answer["Body"].read())
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                return None
            raise


def object_exists(access: Access, bucket: str, key: str) -> bool:
    """Tell whether an object exists."""
    with translated("look for an object", f"s3://{bucket}/{key}"):
        try:
            client("s3", access).head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if code_of(error) in ("404", "NoSuchKey"):
                return False
            raise
    return True


def list_keys(access: Access, bucket: str, prefix: str) -> list[str]:
    """Return the keys below a prefix, in order."""
    with translated("list objects", f"s3://{bucket}/{prefix}"):
        pages = client("s3", access).get_paginator("list_objects_v2")
        return [
            entry["Key"]
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for entry in page.get("Contents", ())
        ]


@world_task("upload package", "upload {package.short_name}")
def upload_package(access: Access, bucket: str, package: PackagedObject, path: Path) -> bool:
    """Upload a package unless the bucket has it; True if this call created it."""
    if object_exists(access, bucket, package.key):
        return False
    return create_object(access, bucket, package.key, path.read_bytes())


@world_task("stage package", "stage {package.short_name}")
def stage_package(access: Access, source: str, target: str, package: PackagedObject) -> bool:
    """Copy a package into the RuntimeAccount's bucket, its SHA-256 checked on the way.

    Reads and writes as the deployer, because S3's own copy would trust the source.
    True if this call created it. Raises ArtifactConflictError for other bytes.
    """
    if object_exists(access, target, package.key):
        return False
    body = read_object(access, source, package.key)
    found = sha256_hex(body or b"")
    if body is None or found != package.sha256:
        raise _damaged(source, package, None if body is None else found)
    return create_object(access, target, package.key, body)


def _damaged(bucket: str, package: PackagedObject, found: str | None) -> Exception:
    where = f"s3://{bucket}/{package.key}"
    if found is None:
        return ArtifactConflictError(
            "a package of the artifact is missing",
            where=where,
            state="nothing was deployed",
            remedy="publish the artifact again",
        )
    # A truncated answer looks the same as a tampered object, so one more look is due.
    return TransientError(
        "a package has other bytes than its manifest says",
        where=where,
        why=f"SHA-256 is {found}, the manifest says {package.sha256}",
        state="nothing was deployed",
        remedy="if it stays so, the object was tampered with: find out who wrote it",
    )
