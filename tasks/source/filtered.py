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
    may_convert,
    require_finished,
)
from tiercel.domain.artifact.source_files import SourceFile
from tiercel.tasks.source.repository import Commit, look_up, read_files, read_text

_MOST_BYTES = 1024 * 1024


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
    for folder, above in _attributes_above(paths).items():
        text = read_text(commit, above)
        if text is not None:
            attributes.setdefault(folder, text)
    found = {}
    for name, path in files.items():
        filtered = filter_by_content(_beginning(path)) or filter_by_attributes(name, attributes)
        if filtered:
            found[name] = filtered
    require_finished(found)


def is_converted(commit: Commit, files: Sequence[SourceFile], paths: Sequence[str]) -> bool:
    """Tell whether attributes may let a checkout write something else than git has.

    `files` are those below the paths. Attributes too large to be read are taken to do so.
    """
    among = [one.path for one in files if PurePosixPath(one.path).name == ATTRIBUTES]
    there = look_up(commit, [*among, *_attributes_above(paths).values()])
    texts = read_files(commit, map(PurePosixPath, there), _MOST_BYTES)
    found = (body.decode(errors="replace") for body in texts.values())
    return len(texts) < len(there) or any(may_convert(text) for text in found)


def _attributes_above(paths: Sequence[str]) -> dict[str, str]:
    """Return the path of the attributes for each folder above some paths."""
    parents = [str(parent) for path in paths for parent in PurePosixPath(path).parents]
    folders = [parent.removeprefix(".") for parent in parents]
    return {folder: f"{folder}/{ATTRIBUTES}".lstrip("/") for folder in folders}


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    for folder, _, names in os.walk(source):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                yield path.relative_to(source).as_posix(), path


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(POINTER_BYTES)
