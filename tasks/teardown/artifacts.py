"""Whether what a deleted stack would be rebuilt from is all there."""

from __future__ import annotations

from tiercel.domain.artifact.manifest import manifest_key
from tiercel.domain.base.digests import ArtifactDigest, ArtifactId
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.objects import read_object, stored_sha256
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.records.artifacts import read_artifact


@world_task("find artifact", "find artifact of {service}")
def missing_of_artifact(
    records: Records, service: str, artifact_id: ArtifactId, artifact_digest: ArtifactDigest
) -> list[str]:
    """Return the keys of what is gone of an artifact: its manifest, or packages.

    Raises RefusedInputError for a manifest that is another one.
    """
    key = manifest_key(service, artifact_id)
    if read_object(records.access, records.bucket, key) is None:
        return [key]
    manifest = read_artifact.fn(records, service, artifact_id, artifact_digest)
    return [
        one.key
        for one in (manifest.template, *manifest.objects)
        if stored_sha256(records.access, records.bucket, one.key) != one.sha256
    ]
