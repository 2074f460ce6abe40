"""What a commit holds, read from a mirror and checked against the ids that lead there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.git_objects import (
    TREE,
    DamagedObjectError,
    GitEntry,
    commit_links,
    tree_entries,
)
from tiercel.domain.base.values import Frozen
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.source.git import Git, git_for, run_git
from tiercel.tasks.source.mirrors import once_more, renewed

_MAX_FILE_BYTES = 1_048_576
_R = TypeVar("_R")

Trees = dict[str, dict[str, GitEntry]]
"""What trees hold, by their ids."""


class GitObject(Frozen):
    """What a commit has at a path: git's id and word for it, `blob`, `tree` or `commit`."""

    id: str
    kind: str


class Commit(Frozen):
    """A commit in a local mirror of its repository."""

    repository: str
    sha: str
    mirror: Path

    @property
    def shown(self) -> str:
        """The commit as messages name it."""
        return f"{self.repository}@{short_commit(self.sha)}"


def reading(commit: Commit, read: Callable[[], _R]) -> _R:
    """Return what `read` finds in the commit's mirror, which is fetched anew if it is broken."""
    found: list[_R] = []

    def mend() -> None:
        found.append(renewed(commit.repository, commit.mirror, commit.sha, read))

    return once_more(lambda: found[0] if found else read(), mend, commit.shown)


def list_files(commit: Commit) -> list[str]:
    """Return the paths of all files of the commit, from the root of the repository."""
    listing = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.sha)
    output = reading(commit, lambda: run_git(commit.mirror, *listing)).stdout
    return [os.fsdecode(name) for name in output.split(b"\x00") if name]


def read_text(commit: Commit, path: str) -> str | None:
    """Return a file of the commit as text, None if it has no such file; at most 1 MiB."""
    where = f"{commit.shown}:{path}"
    entry = look_up(commit, [path]).get(path)
    if entry is None:
        return None
    body = None if entry.is_tree else _blob(commit, entry.id, path, where)
    text = None if body is None else _utf_8(body)
    if text is None:
        raise RefusedInputError("source.file_not_text", f"{path} is not UTF-8 text", where=where)
    return text


def read_files(
    commit: Commit, paths: Iterable[PurePosixPath], most: int
) -> dict[PurePosixPath, bytes]:
    """Return what the files of a commit hold, of those that are there and have `most` bytes."""
    found = look_up(commit, [str(path) for path in paths])
    blobs = {PurePosixPath(path): one.id for path, one in found.items() if one.kind == "blob"}

    def read() -> dict[str, bytes]:
        with git_for(commit.mirror) as git:
            sizes = git.sizes(set(blobs.values()))
            wanted = [one for one, size in sizes.items() if size <= most]
            contents = zip(wanted, git.contents(wanted), strict=True)
            return {one: known.body for one, known in contents if known}

    bodies = reading(commit, read)
    return {path: bodies[one] for path, one in blobs.items() if one in bodies}


def _blob(commit: Commit, blob: str, path: str, where: str) -> bytes:
    size = reading(commit, lambda: run_git(commit.mirror, "cat-file", "-s", blob)).stdout
    if int(size) > _MAX_FILE_BYTES:
        raise RefusedInputError("source.file_too_long", f"{path} is larger than 1 MiB", where=where)
    return reading(commit, lambda: _contents(commit.mirror, [blob]))[0]


def _contents(mirror: Path, ids: Sequence[str]) -> list[bytes]:
    """Return what objects contain; DamagedObjectError if one is missing or another."""
    with git_for(mirror) as git:
        found = git.contents(ids)
    if None in found:
        raise DamagedObjectError(f"the object {ids[found.index(None)]} is missing")
    return [one.body for one in found if one]


def _utf_8(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


@world_task("find source", "find source of {commit.repository}@{commit.sha:.7}")
def find_objects(commit: Commit, paths: Sequence[str]) -> dict[str, GitObject]:
    """Return what the commit has at each path; `.` is the whole of it.

    Raises RefusedInputError for a path that is not there.
    """
    found = look_up(commit, paths)
    for path in paths:
        if path not in found:
            raise RefusedInputError(
                "source.no_such_path",
                f"{path} does not exist in the commit",
                where=commit.shown,
                state="nothing was built",
                remedy="correct the service's path or include in tiercel.toml",
            )
    return {path: GitObject(id=found[path].id, kind=found[path].kind) for path in paths}


def look_up(commit: Commit, paths: Iterable[str]) -> dict[str, GitEntry]:
    """Return what the commit has at each path that it has; `.` is the whole of it.

    Every tree on the way is compared with its id, the commit itself too: whatever was written
    into the mirror, nothing is found that the commit does not hold.
    """
    wanted = dict.fromkeys(paths)

    def read() -> tuple[GitEntry, Trees]:
        with git_for(commit.mirror) as git:
            return trees_to(git, commit.sha, wanted)

    root, trees = reading(commit, read)
    found = {path: entry_of_path(path, root, trees) for path in wanted}
    return {path: entry for path, entry in found.items() if entry}


def trees_to(git: Git, sha: str, paths: Iterable[str]) -> tuple[GitEntry, Trees]:
    """Return a commit's tree, and all trees that lie on the way to the paths, level by level."""
    root, trees = _root(git, sha)
    ways = [(root, _parts(path)) for path in paths]
    while ways := [(entry, parts) for entry, parts in ways if entry.is_tree and parts]:
        add_trees(git, trees, (entry.id for entry, _ in ways))
        ways = [
            (trees[entry.id][parts[0]], parts[1:])
            for entry, parts in ways
            if parts[0] in trees[entry.id]
        ]
    return root, trees


def _root(git: Git, sha: str) -> tuple[GitEntry, Trees]:
    described, tree = git.contents([sha, f"{sha}^{{tree}}"])
    if described is None or described.id != sha:
        raise DamagedObjectError(f"the commit {sha} is missing")
    root = GitEntry(TREE, commit_links(described.body).tree)
    if tree is None or tree.id != root.id:
        raise DamagedObjectError(f"the tree {root.id} is missing")
    return root, {root.id: tree_entries(tree.body)}


def add_trees(git: Git, trees: Trees, ids: Iterable[str]) -> None:
    """Read trees that are not among those known; DamagedObjectError if one is not there."""
    new = [tree for tree in dict.fromkeys(ids) if tree not in trees]
    for tree, found in zip(new, git.contents(new), strict=True):
        if found is None:
            raise DamagedObjectError(f"the tree {tree} is missing")
        trees[tree] = tree_entries(found.body)


def _parts(path: str) -> list[str]:
    """Return a path's names; none for what no entry of git's can be called."""
    parts = path.split("/")
    return [] if {"", ".", ".."} & set(parts) else parts


def entry_of_path(path: str, root: GitEntry, trees: Trees) -> GitEntry | None:
    """Return what lies at a path, given the trees on the way there; `.` is the root."""
    if path == ".":
        return root
    entry: GitEntry | None = root
    parts = _parts(path)
    for part in parts:
        entry = trees[entry.id].get(part) if entry and entry.is_tree else None
    return entry if parts else None
