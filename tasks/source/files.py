"""The files of a service's source where they were written to: a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path, PurePosixPath

from tiercel.domain.base.limits import require_template_file_size


class FileKind(Enum):
    """What lies at a path, links followed."""

    FILE = auto()
    FOLDER = auto()


class FolderFiles:
    """Files by their paths from the root of the repository, of which a folder holds some.

    What links lead to outside of the folder is not there.
    """

    def __init__(self, root: Path) -> None:
        """Look into a folder, which may be filled later."""
        self._root = root

    def kind_of(self, path: PurePosixPath) -> FileKind | None:
        """Return what lies at a path, None if it cannot be read."""
        found = self._root / path
        # The look has to come first: others raise for a name that is too long.
        if not os.access(found, os.R_OK) or self._leads_outside(found):
            return None
        if found.is_dir():
            return FileKind.FOLDER
        return FileKind.FILE if found.is_file() else None

    def names_in(self, folder: PurePosixPath) -> frozenset[str]:
        """Return the names in a folder."""
        return frozenset(one.name for one in (self._root / folder).iterdir())

    def names_below(self, folder: PurePosixPath) -> Iterator[str]:
        """Yield the paths of all files below a folder from there; links are not followed."""
        root = self._root / folder
        for place, _, names in os.walk(root):
            within = PurePosixPath(os.path.relpath(place, root))
            yield from (str(within / name) for name in names)

    def is_plain(self, path: PurePosixPath) -> bool:
        """Tell whether a file lies there itself, and no link to one."""
        found = self._root / path
        return found.is_file() and not found.is_symlink()

    def read_template(self, path: PurePosixPath) -> bytes | None:
        """Return what a template or a part of one holds, None if it is not there.

        Raises RefusedInputError for more than a template may have.
        """
        if self.kind_of(path) is not FileKind.FILE:
            return None
        found = self._root / path
        require_template_file_size(found.stat().st_size, str(path))
        return found.read_bytes()

    def size_of(self, path: PurePosixPath) -> int:
        """Return the bytes that a file has."""
        return (self._root / path).stat().st_size

    def read(self, path: PurePosixPath) -> bytes:
        """Return what a file holds."""
        return (self._root / path).read_bytes()

    def _leads_outside(self, path: Path) -> bool:
        return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._root))
