"""Git's own objects, parsed and made: commits, tags and trees."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tiercel.sandbox.github.git.commands import EMPTY_TREE, GitError, GitRepository


@dataclass(frozen=True)
class GitSignature:
    """Who did it, and when."""

    name: str
    email: str
    date: datetime

    def line(self) -> str:
        """Return the signature as git writes it, in UTC."""
        name, email = (_plain(text) for text in (self.name, self.email))
        if not name:
            raise GitError("the name is empty")
        return f"{name} <{email}> {int(self.date.timestamp())} +0000"


@dataclass(frozen=True)
class GitCommit:
    """A commit as git keeps it; the message has no trailing newline."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: GitSignature
    committer: GitSignature
    message: str


@dataclass(frozen=True)
class GitTag:
    """An annotated tag."""

    sha: str
    name: str
    target: str
    target_type: str
    tagger: GitSignature
    message: str


@dataclass(frozen=True)
class TreeEntry:
    """A line of a tree; `size` is a blob's in bytes."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str


def read_commits(git: GitRepository, shas: Sequence[str]) -> list[GitCommit]:
    """Return the commits in the order of their ids; GitError when one is not there."""
    return [_parse_commit(s, raw) for s, raw in zip(shas, git.read_all(shas), strict=True)]


def read_commit(git: GitRepository, sha: str) -> GitCommit:
    """Return one commit."""
    return read_commits(git, [sha])[0]


def read_tag(git: GitRepository, sha: str) -> GitTag:
    """Return an annotated tag."""
    headers, message = _parse(git.read(sha))
    return GitTag(
        sha=sha,
        name=headers["tag"][0],
        target=headers["object"][0],
        target_type=headers["type"][0],
        tagger=_parse_signature(headers.get("tagger", [""])[0]),
        message=message,
    )


def write_commit(
    git: GitRepository,
    tree: str,
    parents: Sequence[str],
    message: str,
    author: GitSignature,
    committer: GitSignature,
) -> str:
    """Write a commit and return its id."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {author.line()}", f"committer {committer.line()}", "", message]
    return git.write("commit", "\n".join(lines).encode())


def write_tag(
    git: GitRepository, target: str, kind: str, name: str, text: str, by: GitSignature
) -> str:
    """Write an annotated tag's object and return its id."""
    lines = [f"object {target}", f"type {kind}", f"tag {name}", f"tagger {by.line()}", "", text]
    return git.write("tag", "\n".join(lines).encode())


def list_tree(git: GitRepository, tree: str, *, recursive: bool = False) -> list[TreeEntry]:
    """Return a tree's entries; with `recursive` also those of the trees below."""
    options = ["-r", "-t"] if recursive else []
    output = git.run("ls-tree", "-z", "-l", "--full-tree", *options, tree)
    entries = []
    for line in output.split(b"\0")[:-1]:
        words, _, path = line.partition(b"\t")
        mode, kind, sha, size = words.decode().split()
        name = path.decode(errors="replace")
        entries.append(TreeEntry(mode, kind, sha, None if size == "-" else int(size), name))
    return entries


def entry_at(git: GitRepository, commit: str, path: str) -> TreeEntry | None:
    """Return what a commit has at a path; the root is the empty path."""
    if not path:
        tree = read_commit(git, commit).tree
        return TreeEntry("040000", "tree", tree, None, "")
    output = git.run("ls-tree", "-z", "-l", "--full-tree", commit, "--", path)
    line = output.split(b"\0")[0]
    if not line:
        return None
    mode, kind, sha, size = line.partition(b"\t")[0].decode().split()
    return TreeEntry(mode, kind, sha, None if size == "-" else int(size), path)


def change_tree(
    git: GitRepository, base: str, changes: Sequence[tuple[str, str, str | None]]
) -> str:
    """Return the tree that a base becomes by changes: mode, path and object, None to remove it.

    GitError for a path that git refuses, as `../x` or `.git/config`.
    """
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git.run("read-tree", base if base != EMPTY_TREE else "--empty", extra=index)
        for mode, path, sha in changes:
            if mode == "040000" and sha:
                git.run("read-tree", f"--prefix={path}/", sha, extra=index)
            elif sha:
                what = ("--cacheinfo", f"{mode},{sha},{path}")
                git.run("update-index", "--add", "--replace", *what, extra=index)
            else:
                line = f"0 {'0' * 40}\t{path}\0".encode()
                git.run("update-index", "-z", "--index-info", data=line, extra=index)
        return git.run("write-tree", extra=index).decode().strip()


def _parse_commit(sha: str, raw: bytes) -> GitCommit:
    headers, message = _parse(raw)
    return GitCommit(
        sha=sha,
        tree=headers["tree"][0],
        parents=tuple(headers.get("parent", ())),
        author=_parse_signature(headers["author"][0]),
        committer=_parse_signature(headers["committer"][0]),
        message=message,
    )


def _parse(raw: bytes) -> tuple[dict[str, list[str]], str]:
    """Return the headers, without the continuation lines of signatures, and the message."""
    text = raw.decode(errors="replace")
    head, _, message = text.partition("\n\n")
    headers: dict[str, list[str]] = {}
    for line in head.split("\n"):
        name, _, value = line.partition(" ")
        if name:
            headers.setdefault(name, []).append(value)
    return headers, message.rstrip("\n")


def _parse_signature(line: str) -> GitSignature:
    who, _, when = line.rpartition("> ")
    name, _, email = who.partition(" <")
    try:
        date = datetime.fromtimestamp(int(when.split(" ")[0]), UTC)
    except (ValueError, OverflowError, OSError):
        date = datetime.fromtimestamp(0, UTC)
    return GitSignature(name, email, date)


def _plain(text: str) -> str:
    """Leave out what git forbids in a signature, as git itself does."""
    return "".join(letter for letter in text if letter not in "<>\n\0").strip()
