"""Whether what a deleted stack would be rebuilt from is all there."""

from __future__ import annotations

from tiercel.domain.artifact.manifest import manifest_key
from tiercel.domain.organization.access import Records
from tiercel.domain.release.ledger import Intent
from tiercel.tasks.aws.objects import read_object, stored_sha256
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.records.artifacts import read_artifact


@world_task("find artifact", "find artifact of {intent.service}")
def missing_of_artifact(records: Records, intent: Intent) -> list[str]:
    """Return the keys of what is gone of a release's artifact: its manifest, or packages.

    Raises RefusedInputError for a manifest that is another one.
    """
    key = manifest_key(intent.service, intent.artifact_id)
    if read_object(records.access, records.bucket, key) is None:
        return [key]
    manifest = read_artifact.fn(records, intent.service, intent.artifact_id, intent.artifact_digest)
    return [
        one.key
        for one in (manifest.template, *manifest.objects)
        if stored_sha256(records.access, records.bucket, one.key) != one.sha256
    ]
