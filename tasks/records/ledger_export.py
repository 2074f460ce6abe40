"""The history of an environment as files: out of the artifact bucket, and back into one.

A ledger alone could not be rolled back to, so what its artifacts consist of goes with it, and the
public half of the key that signed them: in another account there is another key.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from tiercel.domain.artifact.dsse import Envelope
from tiercel.domain.artifact.provenance import provenance_of_key
from tiercel.domain.base.errors import (
    RefusedInputError,
    UntrustedArtifactError,
    file_not_written,
)
from tiercel.domain.organization.access import Records
from tiercel.domain.release.ledger_export import (
    PREFIXES,
    ExportedKey,
    in_order_of_restoring,
    is_copied,
)
from tiercel.tasks.aws.objects import create_object, list_keys, read_object
from tiercel.tasks.aws.signing import SigningKey, sign_provenance
from tiercel.tasks.engine.task import world_task

_AT_ONCE = 8
_KEYS = "signing-keys"
"""The folder of an export in which public keys are; it is none of the bucket's."""


@world_task("export ledger", "export ledger to {folder}")
def export_ledger(records: Records, key: SigningKey, folder: Path) -> int:
    """Write every entry of the ledger and every artifact below a folder; return how many.

    The key that the environment signs with is written too, for `sign_restored`.

    A file's path is its object's key. Files that are there already are read again, so an
    export may be repeated. Raises RefusedInputError for a key that is none of Tiercel's, and for a
    folder that cannot be written to.
    """
    keys = [key for prefix in PREFIXES for key in list_keys(records.access, records.bucket, prefix)]
    foreign = [key for key in keys if not is_copied(key)]
    if foreign:
        raise RefusedInputError(
            "ledger.foreign_objects",
            f"the bucket has {len(foreign)} objects that Tiercel did not write",
            where=f"s3://{records.bucket}/{foreign[0]}",
            state="nothing was exported",
            remedy="find out who wrote them, and remove them",
        )

    def copy(key: str) -> None:
        _write(folder / key, read_object(records.access, records.bucket, key) or b"")

    exported = ExportedKey(arn=key.arn, public=key.public)
    _write(folder / _KEYS / f"{key.id}.json", exported.model_dump_json().encode())
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return len(list(pool.map(copy, keys)))


def _write(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as error:
        raise file_not_written(str(path), str(error)) from error


@world_task("restore ledger", "restore ledger from {folder}")
def restore_ledger(records: Records, folder: Path) -> tuple[int, int]:
    """Create every exported object that the bucket lacks; return how many it lacked, and of what.

    Artifacts come first and the ledger last, so that no entry stands there whose artifact is
    missing. Raises ArtifactConflictError if the bucket has other bytes under a key: then
    two histories were mixed up. Whatever was created before stays.
    """
    keys = in_order_of_restoring(_keys_below(folder))
    if not keys:
        raise RefusedInputError(
            "ledger.nothing_to_restore",
            "there is nothing to restore",
            where=str(folder),
            why=f"it has no {', '.join(PREFIXES)}",
            state="nothing was changed",
            remedy="name the folder that `tiercel ledger export` wrote",
        )
    created = [
        create_object(records.access, records.bucket, key, (folder / key).read_bytes())
        for key in keys
    ]
    return sum(created), len(keys)


@world_task("sign restored artifacts", "sign again what was restored from {folder}")
def sign_restored(records: Records, key: SigningKey, folder: Path, fingerprint: str) -> int:
    """Sign with the environment's key what an export's key has signed; return how many.

    `fingerprint` is the SHA-256 of the export's public key: who restores has it from elsewhere,
    since whoever can write the folder could have put a key of his own there. A statement
    that an earlier call signed is left as it is. Raises RefusedInputError if the export has no
    such key, UntrustedArtifactError for provenance that it has not signed.
    """
    former, signed = _exported_key(folder, fingerprint), 0
    known = set(list_keys(records.access, records.bucket, "provenance/"))
    for name in in_order_of_restoring(_keys_below(folder)):
        target = provenance_of_key(name, former.id, key.id)
        if target is None or target in known:
            continue
        envelope = _genuine(folder / name, former)
        signature = sign_provenance.fn(records.access, key, name.split("/")[1], envelope.payload)
        signed += create_object(
            records.access, records.bucket, target, envelope.signed_by(signature).to_bytes()
        )
    return signed


def _exported_key(folder: Path, fingerprint: str) -> SigningKey:
    for path in sorted((folder / _KEYS).glob("*.json")):
        found = ExportedKey.read(path.read_bytes())
        key = SigningKey(found.arn, found.arn, found.public) if found else None
        if key and key.fingerprint == fingerprint.lower():
            return key
    raise RefusedInputError(
        "ledger.no_such_key",
        "the export has no key with this fingerprint",
        where=str(folder / _KEYS),
        why=f"no public key there has the SHA-256 {fingerprint}",
        state="what the export has is restored, and nothing was signed",
        remedy="give the fingerprint that `tiercel ledger export` printed",
    )


def _genuine(path: Path, key: SigningKey) -> Envelope:
    try:
        envelope = Envelope.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise _forged(path, str(error)) from error
    if not key.made(envelope):
        raise _forged(path, f"the key {key.id} has not signed this statement")
    return envelope


def _forged(path: Path, why: str) -> UntrustedArtifactError:
    return UntrustedArtifactError(
        "ledger.export_not_genuine",
        "provenance of the export is not genuine",
        where=str(path),
        why=why,
        state="it was not signed, and nothing after it",
        remedy="find out who changed the export, or take an earlier one",
    )


def _keys_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        key = path.relative_to(folder).as_posix()
        if path.is_file() and not path.is_symlink() and is_copied(key):
            yield key
