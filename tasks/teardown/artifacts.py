"""Whether what a deleted stack would be rebuilt from is all there."""

from __future__ import annotations

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Records
from tiercel.domain.release.ledger import Intent
from tiercel.tasks.aws.objects import stored_sha256
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.records.artifacts import read_artifact


@world_task("find artifact", "find artifact of {intent.service}")
def require_artifact(records: Records, intent: Intent) -> None:
    """Return if the bucket has the manifest of a release and every package that it lists.

    Raises RefusedInputError otherwise: a stack that cannot be rebuilt is not deleted.
    """
    manifest = read_artifact.fn(records, intent.service, intent.artifact_id, intent.artifact_digest)
    packages = [manifest.template, *manifest.objects]
    missing = [
        one.key
        for one in packages
        if stored_sha256(records.access, records.bucket, one.key) != one.sha256
    ]
    if missing:
        raise RefusedInputError(
            "drill.artifact_gone",
            f"{intent.service} could not be rebuilt: a part of its artifact is missing",
            where=f"s3://{records.bucket}/{missing[0]}",
            why=f"release {intent.number} of {intent.stack} needs it",
            state="nothing was deleted",
            remedy=f"build it again with `tiercel publish {intent.repository} {intent.commit}`, "
            "then plan again",
        )
