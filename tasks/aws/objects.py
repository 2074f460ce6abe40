"""S3: immutable objects, written once and checked whenever they are read."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import (
    ArtifactConflictError,
    RefusedInputError,
    TransientError,
    UnreachableError,
)
from tiercel.domain.base.limits import MAX_RECORD_BYTES, require_object_key
from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, message_of, translated
from tiercel.tasks.engine.task import world_task

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

_CHUNK_BYTES = 1024 * 1024
# Encrypted with a key that the caller would have to send, or moved to an archive: that is the
# object's own fault. https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_STORED_OTHERWISE = ("InvalidObjectState", "InvalidRequest")
# The object is there already, or somebody else is creating or deleting it just now.
CONFLICT_CODES = ("ConditionalRequestConflict", "PreconditionFailed")
_MOST_KEPT = 2048
_LONGEST_KEPT = 16 * 1024
"""Bytes: what others may write into a bucket does not fill this process's memory."""

_kept: dict[tuple[Access, str, str, str], bytes] = {}


def create_object(
    access: Access, bucket: str, key: str, body: bytes, sha256: str | None = None
) -> bool:
    """Create an object unless it exists; True if this call created it.

    It is encrypted with the bucket's own KMS key. Raises ArtifactConflictError if the
    object exists with other bytes. Whoever knows the body's SHA-256 saves the time of
    computing it again: S3 compares it with what arrives.
    """
    require_object_key(key, f"s3://{bucket}")
    digest = bytes.fromhex(sha256) if sha256 else hashlib.sha256(body).digest()
    with translated("write an object", f"s3://{bucket}/{key}"):
        try:
            answer = client("s3", access).put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                IfNoneMatch="*",
                ChecksumSHA256=_base64(digest),
            )
        except ClientError as error:
            if code_of(error) not in CONFLICT_CODES:
                raise
            _same_bytes(access, bucket, key, digest.hex())
            return False
    _encrypted(answer, bucket, key)
    return True


def _encrypted(answer: Mapping[str, Any], bucket: str, key: str) -> None:
    """Naming no key makes S3 use the bucket's; a bucket without one is not ours."""
    if answer.get("ServerSideEncryption") != "aws:kms":
        raise UnreachableError(
            "artifact.bucket_not_encrypted",
            "the bucket does not encrypt with a KMS key",
            where=f"s3://{bucket}/{key}",
            why=f"S3 says: {answer.get('ServerSideEncryption', 'no encryption')}",
            remedy="provision the environment's accounts again",
        )


def _same_bytes(access: Access, bucket: str, key: str, sha256: str) -> None:
    found = _hashed(access, bucket, key)
    if found is None:
        raise TransientError(
            "artifact.object_in_flux",
            "an object is being created or deleted by somebody else",
            where=f"s3://{bucket}/{key}",
            why="S3 refuses to create it, and it is not there",
            remedy="run it again",
        )
    digest, answer = found
    if digest != sha256:
        raise ArtifactConflictError(
            "artifact.other_bytes",
            "an immutable object exists already with other bytes",
            where=f"s3://{bucket}/{key}",
            why=f"it has SHA-256 {digest}, this one has {sha256}",
            state="the object that was there first stands; nothing was overwritten",
            remedy="the build is not reproducible: pin what it installs, then change the source",
        )
    _encrypted(answer, bucket, key)


def read_object(
    access: Access, bucket: str, key: str, limit: int = MAX_RECORD_BYTES
) -> bytes | None:
    """Return an object's bytes, or None if there is no such object.

    Raises TransientError for bytes that do not match the checksum that S3 keeps of them,
    RefusedInputError for more bytes than the limit.
    """
    with translated("read an object", f"s3://{bucket}/{key}"):
        answer = _opened(access, bucket, key)
        return None if answer is None else read_whole(answer, f"s3://{bucket}/{key}", limit)


def read_listed(access: Access, bucket: str, key: str, etag: str) -> bytes | None:
    """Return an object's bytes as `read_object`; those of a listed ETag are asked for once.

    Another ETag is another content, so whoever lists first misses no change:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    place = (access, bucket, key, etag)
    kept = _kept.get(place)
    if kept is not None:
        return kept
    with translated("read an object", f"s3://{bucket}/{key}"):
        answer = _opened(access, bucket, key)
        if answer is None:
            return None
        body = read_whole(answer, f"s3://{bucket}/{key}")
        if answer["ETag"] == etag and len(body) <= _LONGEST_KEPT:
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[place] = body
        return body


def read_whole(answer: Mapping[str, Any], where: str, limit: int = MAX_RECORD_BYTES) -> bytes:
    """Return the body of GetObject's answer; RefusedInputError if it is longer than the limit.

    Others may write into the bucket of another environment, and memory is not theirs.
    """
    body = bytes(answer["Body"].read(limit + 1))
    if len(body) > limit:
        answer["Body"].close()
        raise RefusedInputError(
            "artifact.record_too_long",
            "an object is longer than it can be",
            where=where,
            why=f"it has more than {limit:,} bytes",
            state="nothing was changed",
            remedy="remove the newer versions of that object as the role `retention`, and find out "
            "who wrote them",
        )
    answer["Body"].read()  # at the end botocore sees whether it was cut short, or damaged
    return body


def _opened(access: Access, bucket: str, key: str) -> GetObjectOutputTypeDef | None:
    try:
        return client("s3", access).get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code_of(error) == "NoSuchKey":
            return None
        if code_of(error) in _STORED_OTHERWISE:
            raise _stored_otherwise(error, f"s3://{bucket}/{key}") from error
        raise


def _stored_otherwise(error: ClientError, where: str) -> RefusedInputError:
    return RefusedInputError(
        "artifact.stored_otherwise",
        "an object is not stored as Tiercel stores it",
        where=where,
        why=f"{code_of(error)}: {message_of(error)}",
        state="nothing was changed",
        remedy="remove the newer versions of that object as the role `retention`, and find out "
        "who wrote them",
    )


def _hashed(access: Access, bucket: str, key: str) -> tuple[str, GetObjectOutputTypeDef] | None:
    """Return the SHA-256 of an object's bytes, of which a few are in memory at a time."""
    with translated("read an object", f"s3://{bucket}/{key}"):
        answer = _opened(access, bucket, key)
        if answer is None:
            return None
        digest = hashlib.sha256()
        for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest(), answer


def _has(access: Access, bucket: str, package: PackagedObject) -> bool:
    """Tell whether a bucket has a package; ArtifactConflictError if it has other bytes.

    S3 keeps the SHA-256 with which Tiercel wrote an object. Whoever else wrote it may
    have given none, so then the bytes decide.
    """
    with translated("look for an object", f"s3://{bucket}/{package.key}"):
        try:
            answer = client("s3", access).head_object(
                Bucket=bucket, Key=package.key, ChecksumMode="ENABLED"
            )
        except ClientError as error:
            if code_of(error) in ("404", "NoSuchKey"):
                return False
            if code_of(error) == "403":
                _ask_why(access, bucket, package.key)
            raise
    if answer.get("ChecksumSHA256") != _base64(bytes.fromhex(package.sha256)):
        _same_bytes(access, bucket, package.key, package.sha256)
    return True


def stored_sha256(access: Access, bucket: str, key: str) -> str | None:
    """Return the SHA-256 of an object as S3 keeps it, else of its bytes; None without object.

    S3 keeps the one that it was given and checked; of parts it keeps another kind, with `-`.
    """
    with translated("look for an object", f"s3://{bucket}/{key}"):
        try:
            answer = client("s3", access).head_object(
                Bucket=bucket, Key=key, ChecksumMode="ENABLED"
            )
        except ClientError as error:
            if code_of(error) in ("404", "NoSuchKey"):
                return None
            raise
    kept = answer.get("ChecksumSHA256", "-")
    if "-" not in kept:
        return base64.b64decode(kept).hex()
    found = _hashed(access, bucket, key)
    return found[0] if found else None


def _ask_why(access: Access, bucket: str, key: str) -> None:
    """Raise ClientError with the reason of a refusal, of which a HEAD says nothing."""
    client("s3", access).get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"].close()


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def list_keys(access: Access, bucket: str, prefix: str) -> list[str]:
    """Return the keys below a prefix, in order."""
    return [*list_etags(access, bucket, prefix)]


def list_etags(access: Access, bucket: str, prefix: str) -> dict[str, str]:
    """Return the ETags of the objects below a prefix by their keys, in order."""
    with translated("list objects", f"s3://{bucket}/{prefix}"):
        pages = client("s3", access).get_paginator("list_objects_v2")
        return {
            entry["Key"]: entry["ETag"]
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for entry in page.get("Contents", ())
        }


@world_task("upload package", "upload {package.short_name}")
def upload_package(access: Access, bucket: str, package: PackagedObject, path: Path) -> bool:
    """Upload a package unless the bucket has it; True if this call created it."""
    if _has(access, bucket, package):
        return False
    return create_object(access, bucket, package.key, path.read_bytes(), package.sha256)


@world_task("copy package", shown=False)  # all of an artifact are one bar
def copy_package(
    reader: Access, source: str, writer: Access, target: str, package: PackagedObject
) -> bool:
    """Copy a package from bucket to bucket, its SHA-256 checked on the way.

    Reads and writes the bytes itself, because S3's own copy would trust the source.
    True if this call created it. Raises ArtifactConflictError for other bytes.
    """
    if _has(writer, target, package):
        return False
    body = read_object(reader, source, package.key, package.size)
    if body is None:
        raise missing_package(source, package)
    found = sha256_hex(body)
    if found != package.sha256:
        raise _damaged(source, package, found)
    return create_object(writer, target, package.key, body, package.sha256)


def missing_package(bucket: str, package: PackagedObject) -> ArtifactConflictError:
    """Return the error for a package that a manifest lists and the bucket does not have."""
    return ArtifactConflictError(
        "artifact.package_missing",
        "a package of the artifact is missing",
        where=f"s3://{bucket}/{package.key}",
        state="nothing was deployed",
        remedy="remove the marker that hides it as the role `retention`: the bucket keeps its "
        "versions",
    )


def _damaged(bucket: str, package: PackagedObject, found: str) -> TransientError:
    # A truncated answer looks the same as a tampered object, so one more look is due.
    return TransientError(
        "artifact.package_damaged",
        "a package has other bytes than its manifest says",
        where=f"s3://{bucket}/{package.key}",
        why=f"SHA-256 is {found}, the manifest says {package.sha256}",
        state="nothing was deployed",
        remedy="if it stays so, the object was tampered with: find out who wrote it",
    )
