"""What may be checked out: how many files a service's source has, and how large they are.

A repository of some megabytes can hold files of gigabytes, and folders that contain one another
thousands of times: git stores equal things once, and compressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_objects import GITLINK, GitEntry
from tiercel.domain.base.text import printable

MAX_SOURCE_FILES = 100_000
MAX_SOURCE_BYTES = 1024**3
"""Of all files together. A function may have 250 MiB, and a source has several, and their tests."""
_CORRECT = "leave it out of the service's path and include, or take it out of the repository"


class SourceFile(NamedTuple):
    """A file of a service's source: its path from the root of the repository, size in bytes."""

    path: str
    entry: GitEntry
    size: int


def require_source_limits(files: Sequence[SourceFile], paths: int, where: str) -> list[SourceFile]:
    """Return the files in the order of their names, if they may be checked out.

    `paths` counts the folders too. Raises RefusedInputError for too many or too large ones, and
    for a submodule.
    """
    if paths > MAX_SOURCE_FILES:
        raise too_many_files(where)
    for file in files:
        if file.entry.mode == GITLINK:
            raise RefusedInputError(
                "source.submodule",
                "a service's source contains a git submodule",
                where=file.path,
                why="the commit names the submodule's commit and not its files",
                state="nothing was built",
                remedy="put the files into the repository, or leave the submodule out of the path",
            )
    total = sum(file.size for file in files)
    if total > MAX_SOURCE_BYTES:
        largest = max(files, key=lambda one: one.size)
        raise RefusedInputError(
            "source.too_large",
            f"a service's source has {total:,} bytes; {MAX_SOURCE_BYTES:,} are the most",
            where=where,
            why=f"its largest file is {printable(largest.path, 200)} with {largest.size:,} bytes",
            state="nothing was checked out",
            remedy=_CORRECT,
        )
    return sorted(files)


def too_many_files(where: str) -> RefusedInputError:
    """Return the error of a source with more files than are checked out."""
    return RefusedInputError(
        "source.too_many_files",
        f"a service's source has more than {MAX_SOURCE_FILES:,} files and folders",
        where=where,
        why="folders that contain equal folders count as often as they are there",
        state="nothing was checked out",
        remedy=_CORRECT,
    )
