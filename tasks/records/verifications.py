"""Which releases verified an artifact as a candidate, on whatever stack of the environment."""

from __future__ import annotations

from pydantic import ValidationError

from tiercel.domain.base.digests import ArtifactId, canonical_json
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.record import read_stored
from tiercel.domain.organization.access import Records
from tiercel.domain.release.candidates import (
    Verification,
    require_genuine,
    verification_key,
    verification_of,
    verifications_prefix,
)
from tiercel.domain.release.ledger import Intent, Release
from tiercel.tasks.aws.objects import create_object, list_keys, read_object
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.records.ledger import read_release


@world_task("record verification", "record verification of {intent.service}")
def record_verification(records: Records, intent: Intent) -> None:
    """Let a candidate's entry of the ledger be found by its artifact; done before, it stays."""
    record = verification_of(intent)
    body = canonical_json(record.model_dump(mode="json"))
    create_object(records.access, records.bucket, verification_key(record), body)


@world_task("read candidates", "read candidates of {service}")
def read_candidates(records: Records, service: str, artifact_id: ArtifactId) -> list[Release]:
    """Return the releases of an artifact as a candidate, as the ledger has them.

    Raises RefusedInputError for a record that is damaged, or is not what the ledger says.
    """
    keys = list_keys(records.access, records.bucket, verifications_prefix(artifact_id))
    return [_genuine(records, service, artifact_id, key) for key in keys]


def _genuine(records: Records, service: str, artifact_id: ArtifactId, key: str) -> Release:
    where = f"s3://{records.bucket}/{key}"
    body = read_object(records.access, records.bucket, key)
    try:
        record = read_stored(Verification, body or b"", where)
    except ValidationError as error:
        raise _damaged(where, service, str(error)) from error
    if verification_key(record) != key:
        raise _damaged(where, service, f"it says that it is {verification_key(record)}")
    release = read_release.fn(records, record.stack, record.number)
    return require_genuine(record, release, artifact_id, where)


def _damaged(where: str, service: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        "promotion.verification_damaged",
        f"a verification of {service} cannot be read",
        where=where,
        why=why,
        state="nothing was changed",
        remedy="an administrator removes the newer versions of the object, for which the policy "
        "of the bucket has to be taken off and provisioned again; the first one is Tiercel's",
    )
