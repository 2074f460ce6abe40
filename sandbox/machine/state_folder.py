"""A folder of files that are replaced all at once: a link to the folder of the last time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def prepare_link(link: Path) -> None:
    """Make sure that the link leads to a folder, and remove what an interrupted write left."""
    if not link.is_symlink():
        _lead(link, _new_folder(link))
    current = link.resolve()
    for folder in link.parent.glob(f"{link.name}-*"):
        if folder.resolve() != current:
            shutil.rmtree(folder)


def replace(link: Path, write: Callable[[Path], None]) -> None:
    """Let `write` change the files in a copy of the folder, then let the link lead there.

    Whoever follows the link at any time finds either all old files or all new ones. `write`
    replaces files and never changes one in place.
    """
    before, after = link.resolve(), _new_folder(link)
    for file in before.iterdir():
        (after / file.name).hardlink_to(file)
    write(after)
    _lead(link, after)
    shutil.rmtree(before)


def _new_folder(link: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=link.parent, prefix=f"{link.name}-"))


def _lead(link: Path, folder: Path) -> None:
    temporary = link.with_name(f".{link.name}-link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.name)
    temporary.replace(link)
