"""Mirrors of repositories: brought up to date, one process at a time."""

from __future__ import annotations

import base64
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import RefusedInputError, TransientError
from tiercel.domain.base.git_names import is_legal_branch, short_commit
from tiercel.domain.base.values import Frozen
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.client import has_credentials, token
from tiercel.tasks.source.repository import LONGEST_GIT_SECONDS, Commit, run_git

_LOOK_SECONDS = 0.1
_NO_REF = "source.no_such_ref"
_GIT_SAYS_NO_REF = "couldn't find remote ref"
_FINAL = (
    "not found",
    "does not appear to be a git",
    "does not exist",
    "could not read Username",
    "Authentication failed",
)


class MergeRef(Frozen):
    """What merging a pull request would give, and the base that it would be merged into."""

    commit: Commit
    base: Commit


@world_task("fetch commit", "fetch {repository} {revision}")
def fetch_commit(repository: str, revision: str, branch: str) -> Commit:
    """Bring a repository's mirror up to date and return the commit that is meant.

    `repository` is `owner/name` on GITHUB_SERVER_URL; `revision` a commit id or a branch.
    Raises RefusedInputError if there is no such commit or `branch` does not contain it:
    what was never merged must not be released.
    """
    with _updated(repository, "refs/heads/*:refs/heads/*") as mirror:
        sha = next(filter(None, (_resolve(mirror, name) for name in _names(revision))), "")
        if not sha:
            raise RefusedInputError(
                "source.no_such_commit",
                f"there is no commit {revision!r} in {repository}",
                where=_url(repository),
                state="nothing was built",
                remedy="push it, or check the spelling",
            )
        if not _contains(mirror, branch, sha):
            raise RefusedInputError(
                "source.not_on_branch",
                f"commit {short_commit(sha)} is not in {branch}",
                where=_url(repository),
                state="nothing was built",
                remedy=f"merge it into {branch} first",
            )
        return Commit(repository=repository, sha=sha, mirror=mirror)


@world_task("fetch merge ref", "fetch merge of {repository} #{number}")
def fetch_merge_ref(repository: str, number: int, head_commit: str) -> MergeRef:
    """Return the merge that GitHub prepared for a pull request that can be merged.

    Raises TransientError while there is none, or still that of an earlier head: GitHub
    computes it a moment after a push.
    """
    ref = f"refs/pull/{number}/merge"
    try:
        with _updated(repository, f"{ref}:{ref}") as mirror:
            merge, base, head = (_resolve(mirror, f"{ref}{suffix}") for suffix in ("", "^1", "^2"))
    except RefusedInputError as error:
        if error.code != _NO_REF:
            raise
        merge = base = head = ""
    if head != head_commit:
        raise TransientError(
            "source.merge_not_ready",
            f"the merge of #{number} is not that of commit {short_commit(head_commit)} yet",
            where=_url(repository),
            remedy="run it again in a minute",
        )
    return MergeRef(
        commit=Commit(repository=repository, sha=merge, mirror=mirror),
        base=Commit(repository=repository, sha=base, mirror=mirror),
    )


def server_url() -> str:
    """Return the address of the server that has the repositories and their pages."""
    return os.environ.get("GITHUB_SERVER_URL", "https://github.com")


@contextmanager
def _updated(repository: str, refspec: str) -> Iterator[Path]:
    """Fetch into the repository's mirror and keep other processes out of it meanwhile."""
    mirror = _cache() / f"{sha256_hex(_url(repository).encode())[:16]}.git"
    mirror.mkdir(parents=True, exist_ok=True)
    with _locked(mirror):
        if not (mirror / "objects" / "info").exists():  # what git makes last
            run_git(mirror, "init", "--quiet", "--bare", str(mirror))
        _unlock(mirror)
        _fetch(mirror, _url(repository), refspec)
        yield mirror


def _unlock(mirror: Path) -> None:
    """Remove the locks of a git that was killed: none that could still run is as old."""
    newest = time.time() - LONGEST_GIT_SECONDS
    for lock in (*mirror.glob("*.lock"), *(mirror / "refs").rglob("*.lock")):
        with suppress(FileNotFoundError):
            if lock.stat().st_mtime < newest:
                lock.unlink()


def _url(repository: str) -> str:
    return f"{server_url()}/{repository}.git"


def _fetch(mirror: Path, url: str, refspec: str) -> None:
    result = run_git(
        mirror, "fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules",
        "--end-of-options", url, f"+{refspec}", check=False, extra=_credentials(url),
    )  # fmt: skip
    if result.returncode:
        why = result.stderr.decode(errors="replace").strip()[-500:]
        if _GIT_SAYS_NO_REF in why:
            raise RefusedInputError(
                "source.no_such_ref",
                f"the repository has no {refspec.partition(':')[0]}",
                where=url,
                state="nothing was built",
                remedy="see on GitHub whether the pull request is open and can be merged",
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


def _credentials(url: str) -> dict[str, str]:
    """Hand git the token through its environment: arguments are seen by every process."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not has_credentials():
        return {}
    basic = base64.b64encode(f"x-access-token:{token()}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraheader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }


def _contains(mirror: Path, branch: str, sha: str) -> bool:
    result = run_git(
        mirror, "merge-base", "--is-ancestor", sha, f"refs/heads/{branch}", check=False
    )
    return result.returncode == 0


def _names(revision: str) -> list[str]:
    """Return the names that a revision may stand for: git reads `HEAD~1` as an expression."""
    if re.fullmatch(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", revision):
        return [revision]
    is_branch = is_legal_branch(revision) and not re.search("[\ud800-\udfff]", revision)
    branch = [f"refs/heads/{revision}"] if is_branch else []
    return branch + ([revision] if re.fullmatch(r"[0-9a-fA-F]{4,63}", revision) else [])


def _resolve(mirror: Path, revision: str) -> str:
    result = run_git(
        mirror, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}",
        check=False,
    )  # fmt: skip
    return result.stdout.decode().strip() if result.returncode == 0 else ""


def _cache() -> Path:
    default = Path.home() / ".cache" / "tiercel"
    return Path(os.environ.get("TIERCEL_CACHE_DIR", default)) / "mirrors"


@contextmanager
def _locked(mirror: Path) -> Iterator[None]:
    """Let one process at a time update a mirror; whoever waits for it can be cancelled."""
    with mirror.with_suffix(".lock").open("w") as lock:
        while not _taken(lock):
            pause(_LOOK_SECONDS)
        yield


def _taken(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
