"""Mirrors of repositories: brought up to date by one process at a time, and made anew if broken.

A mirror is a folder with git's store of objects and a list of references. Those of pull requests
are others than those of publication: what strangers push is in no store that is released from.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TextIO, TypeVar
from urllib.parse import urlsplit

from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import RefusedInputError, TransientError, UnreachableError
from tiercel.domain.base.git_objects import DamagedObjectError
from tiercel.tasks.engine.pace import is_loopback, pause
from tiercel.tasks.engine.processes import Ended
from tiercel.tasks.engine.task import run_logger
from tiercel.tasks.github.client import has_credentials, token
from tiercel.tasks.source.git import (
    FAILED,
    LONGEST_GIT_SECONDS,
    Git,
    git_for,
    reference_lines,
    references_in,
    remove,
)

_LOOK_SECONDS = 0.1
_GIT_SAYS_NO_REF = "couldn't find remote ref"
_FINAL = (
    "not found",
    "does not appear to be a git",
    "does not exist",
    "could not read Username",
    "Authentication failed",
    "not allowed",
)
_NETWORK = re.compile(
    r"unable to access|could not resolve|connection|timed out|RPC failed|early EOF|hung up|"
    r"disconnect|expected flush|protocol error",
    re.IGNORECASE,
)
"""What git says when the server or the way to it is at fault, and not the mirror."""
_REDIRECTED = re.compile(r"returned error: 30[0-9]|update url base from redirection")
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
        ended, references = _fetched(mirror, url, refspec)
        if ended.returncode and _may_be_broken(mirror, ended):
            ended, references = _made_anew(mirror, url, refspec)
        _require_fetched(ended, url, refspec)
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
    _require_fetched(ended, url, refspec)


def references_of(mirror: Path) -> dict[str, str]:
    """Return the commit of every reference that a mirror had when it was fetched."""
    return references_in(mirror / "references")


def _fetched(mirror: Path, url: str, refspec: str) -> tuple[Ended, dict[str, str]]:
    """Fetch, and return what is there now; references that are not the server's any more go."""
    with git_for(mirror, references_of(mirror)) as git:
        ended = git.run(
            "fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules",
            "--no-write-fetch-head", "--end-of-options", url, f"+{refspec}",
            check=False, extra=_allowed(url) | _credentials(url),
        )  # fmt: skip
        _require_size(git, url)
        if ended.returncode:
            return ended, {}
        found = git.references()
    made = mirror / "references.new"
    made.write_bytes(reference_lines(found))
    made.replace(mirror / "references")
    return ended, found


def _require_size(git: Git, url: str) -> None:
    """Raise RefusedInputError if a pack was cut off for its size; what there is of it goes."""
    for pack in git.objects.glob("pack/tmp_pack_*"):
        if pack.lstat().st_size >= git.most_file_bytes:
            remove(pack)
            raise RefusedInputError(
                "source.repository_too_large",
                "the repository is larger than a mirror may be",
                where=url,
                why=f"it comes as a pack of more than {git.most_file_bytes:,} bytes",
                state="nothing was built",
                remedy="take large files out of its history",
            )


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
        ended, references = _fetched(new, url, refspec)
        if not ended.returncode:
            if os.path.lexists(mirror):
                mirror.rename(old)
            new.rename(mirror)
    finally:
        remove(new)
        remove(old)
    return ended, references


def _may_be_broken(mirror: Path, ended: Ended) -> bool:
    """Tell whether a mirror that had something may be why it could not be fetched."""
    said = _said(ended)
    known = any(text in said for text in (*_FINAL, _GIT_SAYS_NO_REF))
    has_something = any((mirror / "objects").iterdir())
    return (
        has_something and not known and not _REDIRECTED.search(said) and not _NETWORK.search(said)
    )


def _require_fetched(ended: Ended, url: str, refspec: str) -> None:
    if not ended.returncode:
        return
    why = _said(ended)
    if _GIT_SAYS_NO_REF in why:
        raise RefusedInputError(
            "source.no_such_ref",
            f"the repository has no {refspec.partition(':')[0]}",
            where=url,
            state="nothing was built",
            remedy="see on GitHub whether the pull request is open and can be merged",
        )
    if _REDIRECTED.search(why):
        raise UnreachableError(
            "source.redirected",
            "the server sends git to another address, which is not followed",
            where=url,
            why=why,
            state="nothing was built; the other address was told no token",
            remedy="if the repository was renamed, use its new name; else correct "
            "GITHUB_SERVER_URL",
        )
    kind = RefusedInputError if any(text in why for text in _FINAL) else TransientError
    raise kind(
        "source.not_fetched",
        "the repository cannot be fetched",
        where=url,
        why=why,
        state="nothing was built",
        remedy="check that the repository exists and that this machine may read it",
    )


def _said(ended: Ended) -> str:
    return ended.stderr.decode(errors="replace").strip()[-500:]


def _allowed(url: str) -> dict[str, str]:
    """Let git speak one protocol; without encryption only to this machine.

    UnreachableError for http beyond it: whoever listens on the way would read the token.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(url):
        raise UnreachableError(
            "source.not_encrypted",
            "repositories are fetched by https only",
            where=url,
            state="nothing was sent",
            remedy="set GITHUB_SERVER_URL to an address that begins with https://",
        )
    known = parts.scheme if parts.scheme in ("http", "file") else "https"
    return {"GIT_ALLOW_PROTOCOL": known}


def _credentials(url: str) -> dict[str, str]:
    """Hand git the token through its environment: arguments are seen by every process.

    It is for this one host; that git follows nobody to another one is in `git.py`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not has_credentials():
        return {}
    basic = base64.b64encode(f"x-access-token:{token()}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraheader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }


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
