"""git's objects, checked against their own names: an id says what the object has to be.

https://git-scm.com/book/en/v2/Git-Internals-Git-Objects and
https://git-scm.com/docs/gitformat-pack; a tree is `MODE NAME\\0ID` for each of its entries.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

GITLINK = "160000"
"""The mode of a submodule: its id is that of a commit of another repository."""
SYMLINK = "120000"
TREE = "40000"
_EXECUTABLE = 0o100
_ID_BYTES = 20
_MODE = re.compile(rb"[0-7]{5,6}")
_COMMIT_HEADER = re.compile(rb"(tree|parent) ([0-9a-f]{40})")


class DamagedObjectError(ValueError):
    """An object is not what its id says, or lacks what it refers to."""


class GitEntry(NamedTuple):
    """What a tree has under a name; `mode` as git writes it, without leading zeros."""

    mode: str
    id: str

    @property
    def kind(self) -> str:
        """git's word for it: `tree`, `commit` or `blob`."""
        if self.is_tree:
            return "tree"
        return "commit" if self.mode == GITLINK else "blob"

    @property
    def is_tree(self) -> bool:
        """Whether it is a folder."""
        return self.mode == TREE

    @property
    def is_executable(self) -> bool:
        """Whether git gives its owner the right to execute it; old repositories have 100775."""
        return self.mode not in (SYMLINK, GITLINK) and bool(int(self.mode, 8) & _EXECUTABLE)


class CommitLinks(NamedTuple):
    """What a commit refers to, by id."""

    tree: str
    parents: tuple[str, ...]


def object_id(kind: str, body: bytes) -> str:
    """Return the id that git gives to an object of this content: 40 hexadecimal digits."""
    digest = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(body)), usedforsecurity=False)
    digest.update(body)
    return digest.hexdigest()


def tree_entries(body: bytes) -> dict[str, GitEntry]:
    """Return what a tree holds, by name; DamagedObjectError if it is no tree."""
    found: dict[str, GitEntry] = {}
    position = 0
    while position < len(body):
        end = body.find(b"\0", position)
        mode, _, name = body[position:end].partition(b" ")
        position = end + 1 + _ID_BYTES
        if end < 0 or position > len(body) or not name or not _MODE.fullmatch(mode):
            raise DamagedObjectError("a tree is cut off")
        if b"/" in name:
            raise DamagedObjectError(f"a tree has a name with a slash: {name!r}")
        entry = GitEntry(mode.decode().lstrip("0"), body[end + 1 : position].hex())
        found[name.decode("utf-8", "surrogateescape")] = entry
    return found


def commit_links(body: bytes) -> CommitLinks:
    """Return a commit's tree and parents; DamagedObjectError if it is no commit."""
    tree, parents = "", []
    for line in body.split(b"\n"):
        match = _COMMIT_HEADER.fullmatch(line)
        if not match:
            break
        if match[1] == b"tree":
            tree = match[2].decode()
        else:
            parents.append(match[2].decode())
    if not tree:
        raise DamagedObjectError("a commit has no tree")
    return CommitLinks(tree, tuple(parents))


def is_reached(goal: str, start: str, parents: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether a commit is another one or among those before it, as far as `parents` goes."""
    waiting, seen = [start], {start}
    while waiting:
        commit = waiting.pop()
        if commit == goal:
            return True
        new = [one for one in parents.get(commit, ()) if one not in seen]
        seen.update(new)
        waiting += new
    return False


def entries_below(
    prefix: str, tree: str, trees: Mapping[str, Mapping[str, GitEntry]]
) -> Iterator[tuple[str, GitEntry]]:
    """Yield every path below a tree, folders too, in no order; `prefix` ends with a slash.

    Raises DamagedObjectError when one of the trees is not there. A few trees that contain one
    another can have any number of paths: take as many as are allowed.
    """
    waiting = [(prefix, tree)]
    while waiting:
        above, known = waiting.pop()
        if known not in trees:
            raise DamagedObjectError(f"the tree {known} is missing")
        for name, entry in trees[known].items():
            yield above + name, entry
            if entry.is_tree:
                waiting.append((f"{above}{name}/", entry.id))
