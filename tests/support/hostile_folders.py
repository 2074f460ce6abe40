"""Folders as a hostile build leaves them, and somebody whom the file system refuses something."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def folder_of_nobody() -> Iterator[Path]:
    """Be a user without rights for a block, with a folder of its own; its caller may clear it."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="tiercel-nobody-", dir="/tmp") as made:
        if root:
            os.chown(made, _NOBODY, _NOBODY)
            os.seteuid(_NOBODY)
        try:
            yield Path(made)
        finally:
            if root:
                os.seteuid(0)


def nest_folders(folder: Path, depth: int, name: str = "deep", size: int = 0) -> None:
    """Make folders in one another, deeper than paths may be long, with a file in each."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        with os.fdopen(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here), "wb") as file:
            file.write(b"x" * size)
    os.close(here)
