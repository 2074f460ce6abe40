"""The artifacts of a bucket with all their versions: looked at, hidden, brought back, removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.organization.access import Access
from tiercel.domain.teardown.retention import (
    ManifestSeen,
    PackageSeen,
    Retained,
    RetentionDecision,
    provenance_of,
)
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.aws.objects import read_whole
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.records.artifacts import packages_in
from tiercel.tasks.teardown.removal import delete_versions

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE = 8
_PREFIXES = ("manifests/", "packages/", "provenance/")


@dataclass
class _Versions:
    """All that a bucket has of one key; `markers` has the newest first, as S3 lists them."""

    data: list[tuple[str, datetime, int]] = field(default_factory=list)
    markers: list[tuple[str, datetime]] = field(default_factory=list)
    hidden: datetime | None = None


@dataclass(frozen=True)
class RetentionLook:
    """The manifests and packages of a bucket, and the versions by which they are changed.

    `now` is the time by the bucket's own clock: a machine whose clock is ahead deletes no earlier.
    """

    now: datetime
    manifests: tuple[ManifestSeen, ...]
    packages: tuple[PackageSeen, ...]
    versions: Mapping[str, _Versions]


@world_task("look at artifacts", "look at artifacts in {bucket}")
def look_at_artifacts(lister: Access, reader: Access, bucket: str) -> RetentionLook:
    """Return what a bucket has, hidden things too.

    `lister` is the role `retention`, which reads no object; `reader` reads the manifests.
    """
    versions: dict[str, _Versions] = {}
    with translated("list the versions of artifacts", f"s3://{bucket}"):
        now = max(_list(lister, bucket, prefix, versions) for prefix in _PREFIXES)
    seen = {key: one for key, one in versions.items() if one.data}
    manifests = [key for key in seen if key.startswith("manifests/")]
    with (
        ThreadPoolExecutor(_AT_ONCE) as pool,
        translated("read the manifests", f"s3://{bucket}/manifests/"),
    ):
        found = pool.map(lambda key: _manifest(reader, bucket, key, seen[key]), manifests)
        return RetentionLook(
            now=now,
            manifests=tuple(found),
            packages=tuple(
                PackageSeen(key, one.data[0][1], sum(size for *_, size in one.data), one.hidden)
                for key, one in seen.items()
                if key.startswith("packages/")
            ),
            versions=versions,
        )


def _list(access: Access, bucket: str, prefix: str, versions: dict[str, _Versions]) -> datetime:
    """Add what there is to the versions, and return when the list began."""
    pages = client("s3", access).get_paginator("list_object_versions")
    dates: list[datetime] = []
    for page in pages.paginate(Bucket=bucket, Prefix=prefix):
        dates.append(parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"]))
        for one in page.get("Versions", ()):
            found = versions.setdefault(one["Key"], _Versions())
            found.data.append((one["VersionId"], one["LastModified"], one["Size"]))
        for marker in page.get("DeleteMarkers", ()):
            found = versions.setdefault(marker["Key"], _Versions())
            found.markers.append((marker["VersionId"], marker["LastModified"]))
            if marker["IsLatest"]:
                found.hidden = marker["LastModified"]
    return dates[0]


def _manifest(access: Access, bucket: str, key: str, versions: _Versions) -> ManifestSeen:
    """Read the newest version, whether it is hidden or not."""
    version, written, _ = versions.data[0]
    where = f"s3://{bucket}/{key}"
    try:
        answer = client("s3", access).get_object(Bucket=bucket, Key=key, VersionId=version)
    except ClientError as error:
        if code_of(error) not in ("NoSuchKey", "NoSuchVersion"):
            raise
        return ManifestSeen(key, written, None, versions.hidden)
    body = read_whole(answer, where)
    packages = packages_in(body, where)
    keys = None if packages is None else frozenset(one.key for one in packages)
    return ManifestSeen(key, written, keys, versions.hidden, digest=sha256_hex(body))


@world_task("carry out retention", "carry out retention in {bucket}")
def carry_out_retention(
    access: Access, bucket: str, decisions: Sequence[RetentionDecision], look: RetentionLook
) -> None:
    """Do what was decided, as the role `retention`: safe to repeat after a kill at any point.

    Who is killed leaves nothing half: a manifest is hidden before its provenance and comes back
    after it, and of what is removed the data goes before the marker that hides it.
    """
    with translated("remove artifacts", f"s3://{bucket}"):
        delete_versions(access, bucket, _hidden(decisions, look))
        delete_versions(access, bucket, _restored(decisions, look))
        removed = [look.versions[one.key] for one in _of(decisions, Retained.REMOVE)]
        keys = [one.key for one in _of(decisions, Retained.REMOVE)]
        named = list(zip(keys, removed, strict=True))
        data = [_one(key, version) for key, one in named for version, *_ in one.data]
        markers = [_one(key, version) for key, one in named for version, _ in one.markers]
        delete_versions(access, bucket, data)
        delete_versions(access, bucket, markers)


def _hidden(
    decisions: Iterable[RetentionDecision], look: RetentionLook
) -> list[ObjectIdentifierTypeDef]:
    """An object that is named without a version gets a delete marker."""
    keys = [one.key for one in _of(decisions, Retained.HIDE)]
    provenance = [
        key for one in keys for key in _provenance(one, look) if not look.versions[key].hidden
    ]
    return [{"Key": key} for key in (*keys, *provenance)]


def _restored(
    decisions: Iterable[RetentionDecision], look: RetentionLook
) -> list[ObjectIdentifierTypeDef]:
    """An object comes back when the markers that hide it are removed."""
    keys = [one.key for one in _of(decisions, Retained.RESTORE)]
    provenance = [key for one in keys for key in _provenance(one, look)]
    return [
        _one(key, version)
        for key in (*provenance, *keys)
        for version, _ in look.versions[key].markers
    ]


def _provenance(manifest: str, look: RetentionLook) -> list[str]:
    prefix = provenance_of(manifest)
    return [key for key in look.versions if prefix and key.startswith(prefix)]


def _of(decisions: Iterable[RetentionDecision], step: Retained) -> list[RetentionDecision]:
    return [one for one in decisions if one.step is step]


def _one(key: str, version: str) -> ObjectIdentifierTypeDef:
    return {"Key": key, "VersionId": version}
