"""git, as argument lists and without anybody's configuration."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from domain.digests import sha256_hex
from domain.errors import RefusedInputError, TransientError, UnreachableError
from domain.topology import Frozen
from tasks.task import world_task

_TIMEOUT_SECONDS = 600
_MAX_FILE_BYTES = 1_048_576
_PASSED_ON = ("PATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")
_SUBMODULE_MODE = b"160000"
_FINAL = ("not found", "does not appear to be a git", "does not exist", "could not read Username")


class Commit(Frozen):
    """A commit in a local mirror of its repository."""

    repository: str
    sha: str
    mirror: Path


@world_task("fetch commit", "fetch {repository} {revision}")
def fetch_commit(repository: str, revision: str) -> Commit:
    """Bring a repository's mirror up to date and return the commit that is meant.

    `repository` is `owner/name` on GITHUB_SERVER_URL; `revision` a commit id or a branch.
    Raises RefusedInputError if there is no such commit.
    """
    url = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}.git"
    mirror = _cache() / f"{sha256_hex(url.encode())[:16]}.git"
    mirror.mkdir(parents=True, exist_ok=True)
    with _locked(mirror):
        if not (mirror / "HEAD").exists():
            _git(mirror, "init", "--quiet", "--bare", str(mirror))
        _fetch(mirror, url)
        sha = _resolve(mirror, revision)
    if not sha:
        raise RefusedInputError(
            f"there is no commit {revision!r} in {repository}",
            where=url,
            state="nothing was built",
            remedy="push it, or check the spelling",
        )
    return Commit(repository=repository, sha=sha, mirror=mirror)


def _fetch(mirror: Path, url: str) -> None:
    result = _git(
        mirror, "fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules",
        "--end-of-options", url, "+refs/heads/*:refs/heads/*", check=False,
    )  # fmt: skip
    if result.returncode:
        why = result.stderr.decode(errors="replace").strip()[-500:]
        kind = RefusedInputError if any(text in why for text in _FINAL) else TransientError
        raise kind(
            "the repository cannot be fetched",
            where=url,
            why=why,
            state="nothing was built",
            remedy="check that the repository exists and that this machine may read it",
        )


def _resolve(mirror: Path, revision: str) -> str:
    if not revision or "\x00" in revision:
        return ""
    result = _git(
        mirror, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}",
        check=False,
    )  # fmt: skip
    return result.stdout.decode().strip() if result.returncode == 0 else ""


def list_files(commit: Commit) -> list[str]:
    """Return the paths of all files of the commit, from the root of the repository."""
    output = _git(commit.mirror, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.sha)
    return [os.fsdecode(name) for name in output.stdout.split(b"\x00") if name]


def read_text(commit: Commit, path: str) -> str | None:
    """Return a file of the commit as text, None if it has no such file; at most 1 MiB."""
    where = f"{commit.repository}@{commit.sha[:7]}:{path}"
    name = f"{commit.sha}:{path}"
    size = _git(commit.mirror, "cat-file", "-s", name, check=False)
    if size.returncode:
        return None
    if int(size.stdout) > _MAX_FILE_BYTES:
        raise RefusedInputError(f"{path} is larger than 1 MiB", where=where)
    try:
        return _git(commit.mirror, "cat-file", "blob", name).stdout.decode()
    except (UnicodeDecodeError, subprocess.CalledProcessError) as error:
        raise RefusedInputError(f"{path} is not UTF-8 text", where=where) from error


def object_ids(commit: Commit, paths: Sequence[str]) -> dict[str, str]:
    """Return the git object id of each path; RefusedInputError for a path that is not there."""
    found = {}
    for path in paths:
        name = f"{commit.sha}^{{tree}}" if path == "." else f"{commit.sha}:{path}"
        result = _git(
            commit.mirror, "rev-parse", "--verify", "--quiet", "--end-of-options", name, check=False
        )
        if result.returncode:
            raise RefusedInputError(
                f"{path} does not exist in the commit",
                where=f"{commit.repository}@{commit.sha[:7]}",
                state="nothing was built",
                remedy="correct the service's path or include in tiercel.toml",
            )
        found[path] = result.stdout.decode().strip()
    return found


def export(commit: Commit, paths: Sequence[str], target: Path) -> None:
    """Write the files below the paths into an empty folder, as git would check them out.

    Raises RefusedInputError for a submodule, whose files the commit does not hold.
    """
    listing = _git(commit.mirror, "ls-tree", "-r", "-z", "--full-tree", commit.sha, "--", *paths)
    for entry in listing.stdout.split(b"\x00"):
        if entry.startswith(_SUBMODULE_MODE):
            raise RefusedInputError(
                "a service's source contains a git submodule",
                where=os.fsdecode(entry.partition(b"\t")[2]),
                why="the commit names the submodule's commit and not its files",
                state="nothing was built",
                remedy="put the files into the repository, or leave the submodule out of the path",
            )
    index = target.with_name(target.name + ".index")
    _git(
        commit.mirror, f"--work-tree={target}", "checkout", "--quiet", "--force", commit.sha,
        "--", *paths, extra={"GIT_INDEX_FILE": str(index)},
    )  # fmt: skip
    index.unlink(missing_ok=True)


def _git(
    mirror: Path, *arguments: str, check: bool = True, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = ["git", f"--git-dir={mirror}", *arguments]
    try:
        return subprocess.run(
            command,
            check=check,
            capture_output=True,
            env=_environment() | dict(extra or {}),
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError as error:
        raise UnreachableError(
            "git is not installed", where="PATH", remedy="install git 2.39 or newer"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TransientError(
            f"git did not end within {_TIMEOUT_SECONDS} seconds", where=str(mirror)
        ) from error


def _environment() -> dict[str, str]:
    """Nobody's configuration, hooks or prompts; paths are names and not patterns."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "GIT_ALLOW_PROTOCOL": "https:http:file",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _cache() -> Path:
    default = Path.home() / ".cache" / "tiercel"
    return Path(os.environ.get("TIERCEL_CACHE_DIR", default)) / "mirrors"


@contextmanager
def _locked(mirror: Path) -> Iterator[None]:
    """Let one process at a time update a mirror."""
    with mirror.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
