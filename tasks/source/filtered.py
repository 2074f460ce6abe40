"""Looks for files of a source that are not what the repository's people see in their clones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from tiercel.domain.artifact.filtered_files import (
    ATTRIBUTES,
    POINTER_BYTES,
    filter_by_attributes,
    filter_by_content,
    require_finished,
)
from tiercel.tasks.source.repository import Commit, read_text


def require_finished_source(commit: Commit, paths: Sequence[str], source: Path) -> None:
    """Raise RefusedInputError for pointers of Git LFS and other files that a filter would make.

    `source` holds what was exported of the commit's paths.
    """
    files = dict(_files(source))
    attributes = {
        str(PurePosixPath(name).parent).removeprefix("."): path.read_text(errors="replace")
        for name, path in files.items()
        if PurePosixPath(name).name == ATTRIBUTES
    }
    for folder in _folders_above(paths):
        text = read_text(commit, f"{folder}/{ATTRIBUTES}".lstrip("/"))
        if text is not None:
            attributes.setdefault(folder, text)
    found = {}
    for name, path in files.items():
        filtered = filter_by_content(_beginning(path)) or filter_by_attributes(name, attributes)
        if filtered:
            found[name] = filtered
    require_finished(found)


def _folders_above(paths: Sequence[str]) -> list[str]:
    parents = [str(parent) for path in paths for parent in PurePosixPath(path).parents]
    return list(dict.fromkeys(parent.removeprefix(".") for parent in parents))


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    for folder, _, names in os.walk(source):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                yield path.relative_to(source).as_posix(), path


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(POINTER_BYTES)
