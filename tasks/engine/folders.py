"""Removes folders that somebody else's program has filled."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from tiercel.tasks.engine.task import run_logger

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_SEARCHED = os.O_DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY)
"""A folder for temporary files may be one that nobody lists."""
_ITSELF = _FOLDER | getattr(os, "O_PATH", 0)
"""Opens also what may not be read; macOS cannot, and such a folder stays there."""


def remove_tree(path: Path) -> None:
    """Remove a folder, if it is there, with all that a build may have left in it.

    It may be deeper than paths are long, and its folders without permissions; no link is
    followed. What cannot be removed stays, and is told in the log: no error is raised.
    """
    with suppress(OSError):
        above = os.open(path.parent, _SEARCHED)
        try:
            _allow(path.name, above)
            with _opened(path.name, above) as top:
                _clear(top)
            os.rmdir(path.name, dir_fd=above)
        finally:
            os.close(above)
    if os.path.lexists(path):
        run_logger().warning("%s cannot be removed: remove it by hand", path)


def _clear(top: int) -> None:
    """Empty a folder. Those below come to its top first, so that none is ever deep."""
    token = secrets.token_hex(8)
    names = (f"{token}-{number}" for number in count())
    waiting = _flatten(top, top, names)
    while waiting:
        name = waiting.pop()
        with suppress(OSError):
            with _opened(name, top) as folder:
                waiting += _flatten(folder, top, names)
            os.rmdir(name, dir_fd=top)


def _flatten(folder: int, top: int, names: Iterator[str]) -> list[str]:
    """Remove the files of a folder, and move its folders to the top; return their names there."""
    with os.scandir(folder) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    moved = []
    for name, is_folder in entries:
        with suppress(OSError):
            if is_folder:
                _allow(name, folder)
                moved_to = next(names)
                os.rename(name, moved_to, src_dir_fd=folder, dst_dir_fd=top)
                moved.append(moved_to)
            else:
                os.unlink(name, dir_fd=folder)
    return moved


def _allow(name: str, above: int) -> None:
    """Give a folder its owner's permissions; by a descriptor, since a name may become a link."""
    with suppress(OSError):
        folder = os.open(name, _ITSELF, dir_fd=above)
        try:
            os.chmod(f"/proc/self/fd/{folder}", 0o700)  # noqa: PTH101 - a descriptor
        finally:
            os.close(folder)


@contextmanager
def _opened(name: str, above: int) -> Iterator[int]:
    folder = os.open(name, _FOLDER, dir_fd=above)
    try:
        yield folder
    finally:
        os.close(folder)
