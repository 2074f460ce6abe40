"""What changed between two commits, as GitHub lists it."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache

from tiercel.sandbox.github.git.commands import EMPTY_TREE, GitRepository

_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied"}
_PATCH_START = re.compile(rb"^diff --git ", re.MULTILINE)


@dataclass(frozen=True)
class FileChange:
    """A changed file; `patch` is None for a binary one, `sha` the blob's."""

    path: str
    previous_path: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


@lru_cache(maxsize=256)
def changes(git: GitRepository, old: str | None, new: str) -> tuple[FileChange, ...]:
    """Return the files that differ between two commits; None stands for nothing at all."""
    span = [old or EMPTY_TREE, new]
    options = ["-M", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index"]
    listing = git.run("diff", *options, "--raw", "--numstat", "-z", *span, "--")
    tokens = listing.split(b"\0")[:-1]
    raw = []
    position = 0
    while position < len(tokens) and tokens[position].startswith(b":"):
        words = tokens[position].decode().split(" ")
        paths = 2 if words[4][0] in "RC" else 1
        names = [_text(name) for name in tokens[position + 1 : position + 1 + paths]]
        raw.append((words, names))
        position += 1 + paths
    counts = _counts(tokens[position:])
    letters = [words[4][0] for words, _ in raw]
    patches = _patches(git.run("diff", *options, "--patch", *span, "--"), letters)
    return tuple(
        _change(words, names, count, patch)
        for (words, names), count, patch in zip(raw, counts, patches, strict=True)
    )


def _counts(tokens: list[bytes]) -> list[tuple[int, int]]:
    found = []
    position = 0
    while position < len(tokens):
        added, deleted, path = tokens[position].split(b"\t", 2)
        position += 1 if path else 3
        found.append((int(added) if added != b"-" else 0, int(deleted) if deleted != b"-" else 0))
    return found


def _patches(output: bytes, letters: list[str]) -> list[str | None]:
    """Return each file's hunks; content lines never start with `diff --git`.

    A file that became a link, or the reverse, is printed as a removal and an addition.
    """
    starts = [match.start() for match in _PATCH_START.finditer(output)]
    parts = iter([output[a:b] for a, b in itertools.pairwise([*starts, len(output)])])
    found = []
    for letter in letters:
        part = next(parts)
        if letter == "T":
            next(parts)
        found.append(_hunks(part))
    return found


def _hunks(part: bytes) -> str | None:
    start = part.find(b"\n@@ ")
    return _text(part[start + 1 :].rstrip(b"\n")) if start >= 0 else None


def _change(
    words: list[str], names: list[str], count: tuple[int, int], patch: str | None
) -> FileChange:
    letter = words[4][0]
    return FileChange(
        path=names[-1],
        previous_path=names[0] if len(names) == 2 else None,
        status=_STATUS.get(letter, "changed"),
        sha=words[2] if letter == "D" else words[3],
        additions=count[0],
        deletions=count[1],
        patch=patch,
    )


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
