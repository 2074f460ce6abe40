"""git, as argument lists and without anybody's configuration."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from tiercel.domain.base.errors import RefusedInputError, TransientError, UnreachableError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.log_text import last_lines
from tiercel.domain.base.values import Frozen
from tiercel.tasks.engine.processes import Command, Ended, Ending, run_command
from tiercel.tasks.engine.task import world_task

_TIMEOUT_SECONDS = 600
_GRACE_SECONDS = 10.0
"""How long git may take to remove its locks and what it has half fetched."""

LONGEST_GIT_SECONDS = _TIMEOUT_SECONDS + _GRACE_SECONDS
_MAX_FILE_BYTES = 1_048_576
_AT_ONCE = 200
"""Paths of one command: of the longest names so many still fit into a command line."""
_PASSED_ON = ("PATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")
_SHOWN_LINES = 10
_SUBMODULE_MODE = b"160000"


class GitObject(Frozen):
    """What a commit has at a path: git's id and word for it, `blob`, `tree` or `commit`."""

    id: str
    kind: str


class Commit(Frozen):
    """A commit in a local mirror of its repository."""

    repository: str
    sha: str
    mirror: Path


def list_files(commit: Commit) -> list[str]:
    """Return the paths of all files of the commit, from the root of the repository."""
    output = run_git(commit.mirror, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.sha)
    return [os.fsdecode(name) for name in output.stdout.split(b"\x00") if name]


def read_text(commit: Commit, path: str) -> str | None:
    """Return a file of the commit as text, None if it has no such file; at most 1 MiB."""
    where = f"{commit.repository}@{short_commit(commit.sha)}:{path}"
    name = f"{commit.sha}:{path}"
    size = run_git(commit.mirror, "cat-file", "-s", name, check=False)
    if size.returncode:
        return None
    if int(size.stdout) > _MAX_FILE_BYTES:
        raise RefusedInputError("source.file_too_long", f"{path} is larger than 1 MiB", where=where)
    blob = run_git(commit.mirror, "cat-file", "blob", name, check=False)
    text = None if blob.returncode else _utf_8(blob.stdout)  # git fails for a folder
    if text is None:
        raise RefusedInputError("source.file_not_text", f"{path} is not UTF-8 text", where=where)
    return text


def _utf_8(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


@world_task("find source", "find source of {commit.repository}@{commit.sha:.7}")
def find_objects(commit: Commit, paths: Sequence[str]) -> dict[str, GitObject]:
    """Return what the commit has at each path; `.` is the whole of it.

    One git process for 200 paths. Raises RefusedInputError for a path that is not there.
    """
    remaining = iter([path for path in paths if _is_inside(path)])
    found: dict[str, GitObject] = {}
    while batch := list(islice(remaining, _AT_ONCE)):
        found |= dict(_listed(commit, batch))
    if "." in paths:
        root = run_git(commit.mirror, "rev-parse", "--verify", f"{commit.sha}^{{tree}}")
        found["."] = GitObject(id=root.stdout.decode().strip(), kind="tree")
    for path in paths:
        if path not in found:
            raise RefusedInputError(
                "source.no_such_path",
                f"{path} does not exist in the commit",
                where=f"{commit.repository}@{short_commit(commit.sha)}",
                state="nothing was built",
                remedy="correct the service's path or include in tiercel.toml",
            )
    return {path: found[path] for path in paths}


def _is_inside(path: str) -> bool:
    """Whether git can have an entry of this name: it refuses to look outside of the tree."""
    return not {"", ".", ".."} & set(path.split("/"))


def _listed(commit: Commit, paths: Sequence[str]) -> Iterator[tuple[str, GitObject]]:
    """List the paths, and the trees above those that lie in one another."""
    listing = run_git(commit.mirror, "ls-tree", "-t", "-z", "--full-tree", commit.sha, "--", *paths)
    for entry in listing.stdout.split(b"\x00")[:-1]:
        described, _, name = entry.partition(b"\t")
        _, kind, found = described.decode().split()
        yield os.fsdecode(name), GitObject(id=found, kind=kind)


def export(commit: Commit, paths: Sequence[str], target: Path) -> None:
    """Write the files below the paths into an empty folder, as git would check them out.

    Raises RefusedInputError for a submodule, whose files the commit does not hold, and
    for a name that git does not write, such as `.git`.
    """
    listing = run_git(commit.mirror, "ls-tree", "-r", "-z", "--full-tree", commit.sha, "--", *paths)
    for entry in listing.stdout.split(b"\x00"):
        if entry.startswith(_SUBMODULE_MODE):
            raise RefusedInputError(
                "source.submodule",
                "a service's source contains a git submodule",
                where=os.fsdecode(entry.partition(b"\t")[2]),
                why="the commit names the submodule's commit and not its files",
                state="nothing was built",
                remedy="put the files into the repository, or leave the submodule out of the path",
            )
    index = target.with_name(target.name + ".index")
    # On all cores: half the time on two, for thousands of files.
    result = run_git(
        commit.mirror, "-c", "checkout.workers=0", f"--work-tree={target}",
        "checkout", "--quiet", "--force", commit.sha, "--", *paths,
        check=False, extra={"GIT_INDEX_FILE": str(index)},
    )  # fmt: skip
    index.unlink(missing_ok=True)
    if result.returncode:
        raise RefusedInputError(
            "source.not_checked_out",
            "git cannot check out the commit",
            where=f"{commit.repository}@{short_commit(commit.sha)}: {', '.join(paths)}",
            why=result.stderr.decode(errors="replace").strip()[-500:],
            state="nothing was built",
            remedy="rename the file that git names, or see whether the disk is full",
        )


def run_git(
    mirror: Path, *arguments: str, check: bool = True, extra: Mapping[str, str] | None = None
) -> Ended:
    """Run git on a mirror, with nobody's configuration, hooks or prompts.

    Raises UnreachableError if git is not installed or, with `check`, fails; TransientError if
    it was ended before it was done: what it would have said is not known.
    """
    environment = _environment() | dict(extra or {})
    ended = run_command(
        Command(
            ("git", "-c", f"core.hooksPath={os.devnull}", f"--git-dir={mirror}", *arguments),
            Path(),
            environment,
            _TIMEOUT_SECONDS,
            grace_seconds=_GRACE_SECONDS,
        )
    )
    if ended.ending is Ending.NOT_STARTED and not shutil.which("git", path=environment.get("PATH")):
        raise UnreachableError(
            "git.not_installed",
            "git is not installed",
            where="PATH",
            remedy="install git 2.39 or newer",
        )
    if ended.ending in (Ending.TIMED_OUT, Ending.SIGNALLED):
        raise TransientError(
            "git.not_ended", "git was ended before it was done", where=str(mirror), why=ended.why
        )
    if ended.ending is not Ending.EXITED or (check and ended.returncode):
        raise UnreachableError(
            "git.failed",
            f"git {arguments[0]} failed",
            where=str(mirror),
            why="\n".join([ended.why, *last_lines(ended.stderr, _SHOWN_LINES)]),
            remedy="see whether the disk is full; if git finds the mirror damaged, delete it: it "
            "is fetched again",
        )
    return ended


def _environment() -> dict[str, str]:
    """Nobody's configuration, hooks or prompts; paths are names and not patterns."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {
        "GIT_ALLOW_PROTOCOL": "https:http:file",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
