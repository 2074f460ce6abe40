"""Mirrors of repositories: brought up to date by one process at a time, and made anew if broken.

A mirror is a folder with git's store of objects and a list of references. Those of pull requests
are others than those of publication: what strangers push is in no store that is released from.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TextIO, TypeVar

from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.base.git_objects import DamagedObjectError
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.processes import Ended
from tiercel.tasks.engine.task import run_logger
from tiercel.tasks.source.git import (
    FAILED,
    LONGEST_GIT_SECONDS,
    references_in,
    remove,
)
from tiercel.tasks.source.transfer import fetch_into, may_be_broken, require_fetched

_LOOK_SECONDS = 0.1
HEADS = "refs/heads/*:refs/heads/*"
_R = TypeVar("_R")
Look = Callable[[Path, dict[str, str]], _R]
"""What is asked of a mirror and its references."""


class MirrorUse(StrEnum):
    """What a mirror is for; each has a folder of its own."""

    PUBLICATION = "publication"
    PULL_REQUESTS = "pull-requests"


def server_url() -> str:
    """Return the address of the server that has the repositories and their pages."""
    return os.environ.get("GITHUB_SERVER_URL", "https://github.com")


def repository_url(repository: str) -> str:
    """Return the address from which git fetches a repository."""
    return f"{server_url()}/{repository}.git"


def updated(use: MirrorUse, repository: str, refspec: str, look: Look[_R]) -> _R:
    """Fetch into a repository's mirror, and return what `look` finds there; others are kept out.

    Raises RefusedInputError for what the server says will not change, else TransientError.
    """
    url = repository_url(repository)
    mirror = _cache() / use.value / f"{sha256_hex(url.encode())[:16]}.git"
    with _locked(mirror):
        _put_in_order(mirror)
        ended, references = fetch_into(mirror, url, refspec)
        if ended.returncode and may_be_broken(mirror, ended):
            ended, references = _made_anew(mirror, url, refspec)
        require_fetched(ended, url, refspec)
        return once_more(
            lambda: look(mirror, references), lambda: _renew(mirror, url, refspec), repository
        )


def renewed(repository: str, mirror: Path, commit: str, read: Callable[[], _R]) -> _R:
    """Return what `read` finds in a mirror, which is fetched anew if it is broken.

    It has the commit then. Somebody else may have been first: it is read once more before that.
    """
    url = repository_url(repository)
    of_pulls = mirror.parent.name == MirrorUse.PULL_REQUESTS
    refspec = f"{commit}:refs/pull/{commit}" if of_pulls else HEADS
    with _locked(mirror):
        return once_more(read, lambda: _renew(mirror, url, refspec), repository)


def once_more(read: Callable[[], _R], mend: Callable[[], None], shown: str) -> _R:
    """Return what `read` finds, the second time if it met damage the first time.

    Raises UnreachableError if there is damage still, or what it met first if that is no damage.
    """
    try:
        return read()
    except DamagedObjectError:
        mend()
    except UnreachableError as error:
        if error.code != FAILED:
            raise
        try:
            mend()
        except UnreachableError as why:
            raise error from why  # git failed for a reason that hinders its fetching too
    try:
        return read()
    except DamagedObjectError as error:
        raise UnreachableError(
            "source.damaged",
            "the repository has objects that are not what their ids say",
            where=shown,
            why=str(error),
            state="nothing was built",
            remedy="see with `git fsck` whether the repository itself is damaged",
        ) from error


def _renew(mirror: Path, url: str, refspec: str) -> None:
    ended, _ = _made_anew(mirror, url, refspec)
    require_fetched(ended, url, refspec)


def references_of(mirror: Path) -> dict[str, str]:
    """Return the commit of every reference that a mirror had when it was fetched."""
    return references_in(mirror / "references")


def _made_anew(mirror: Path, url: str, refspec: str) -> tuple[Ended, dict[str, str]]:
    """Fetch into a new mirror, which takes the old one's place if that succeeds.

    Whoever reads the old one at this moment goes on with the files that it has open.
    """
    run_logger().warning("the git mirror of %s is damaged: it is fetched anew", url)
    new, old = mirror.with_suffix(".new"), mirror.with_suffix(".old")
    remove(new)
    remove(old)
    (new / "objects").mkdir(parents=True, mode=0o700)
    try:
        ended, references = fetch_into(new, url, refspec)
        if not ended.returncode:
            if os.path.lexists(mirror):
                mirror.rename(old)
            new.rename(mirror)
    finally:
        remove(new)
        remove(old)
    return ended, references


def _cache() -> Path:
    default = Path.home() / ".cache" / "tiercel"
    return Path(os.environ.get("TIERCEL_CACHE_DIR", default)) / "mirrors"


def _put_in_order(mirror: Path) -> None:
    """Let a mirror be a folder of ours that has its objects, and nothing that a killed git left.

    None that could still run is as old as what is removed from the store.
    """
    if not _is_own_folder(mirror):
        remove(mirror)
    objects = mirror / "objects"
    if not _is_own_folder(objects):
        remove(objects)
    objects.mkdir(parents=True, exist_ok=True, mode=0o700)
    for entry in mirror.iterdir():
        if entry.name not in ("objects", "references"):
            remove(entry)
    newest = time.time() - LONGEST_GIT_SECONDS
    for left in (
        *objects.glob("*.lock"),
        *objects.glob("pack/*.lock"),
        *objects.glob("pack/tmp_*"),
    ):
        with suppress(FileNotFoundError):
            if left.lstat().st_mtime < newest:
                remove(left)


def _is_own_folder(path: Path) -> bool:
    """Tell whether it is a real folder, and nobody else's or a link to one."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


@contextmanager
def _locked(mirror: Path) -> Iterator[None]:
    """Let one process at a time update a mirror; whoever waits for it can be cancelled."""
    file = mirror.with_suffix(".lock")
    for place in (mirror.parent, file):
        if place.is_symlink():
            remove(place)
    mirror.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("w") as lock:
        while not _taken(lock):
            pause(_LOOK_SECONDS)
        yield


def _taken(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
