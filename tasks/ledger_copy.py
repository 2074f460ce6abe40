"""The history of an environment as files: out of the artifact bucket, and back into one.

A ledger alone could not be rolled back to, so what its artifacts consist of goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from domain.access import Access
from domain.errors import RefusedInputError
from domain.ledger_copy import PREFIXES, in_order_of_restoring, is_copied
from tasks.storage import create_object, list_keys, read_object
from tasks.task import world_task

_AT_ONCE = 8


@world_task("export ledger", "export ledger to {folder}")
def export_ledger(access: Access, bucket: str, folder: Path) -> int:
    """Write every entry of the ledger and every artifact below a folder; return how many.

    A file's path is its object's key. Files that are there already are read again, so an
    export may be repeated. Raises RefusedInputError for a key that is none of Tiercel's.
    """
    keys = [key for prefix in PREFIXES for key in list_keys(access, bucket, prefix)]
    foreign = [key for key in keys if not is_copied(key)]
    if foreign:
        raise RefusedInputError(
            f"the bucket has {len(foreign)} objects that Tiercel did not write",
            where=f"s3://{bucket}/{foreign[0]}",
            state="nothing was exported",
            remedy="find out who wrote them, and remove them",
        )

    def copy(key: str) -> None:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read_object(access, bucket, key) or b"")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return len(list(pool.map(copy, keys)))


@world_task("restore ledger", "restore ledger from {folder}")
def restore_ledger(access: Access, bucket: str, folder: Path) -> tuple[int, int]:
    """Create every exported object that the bucket lacks; return how many it lacked, and of what.

    Artifacts come first and the ledger last, so that no entry stands there whose artifact is
    missing. Raises ArtifactConflictError if the bucket has other bytes under a key: then
    two histories were mixed up. Whatever was created before stays.
    """
    keys = in_order_of_restoring(_keys_below(folder))
    if not keys:
        raise RefusedInputError(
            "there is nothing to restore",
            where=str(folder),
            why=f"it has no {', '.join(PREFIXES)}",
            state="nothing was changed",
            remedy="name the folder that `tiercel ledger export` wrote",
        )
    created = [create_object(access, bucket, key, (folder / key).read_bytes()) for key in keys]
    return sum(created), len(keys)


def _keys_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        key = path.relative_to(folder).as_posix()
        if path.is_file() and not path.is_symlink() and is_copied(key):
            yield key
