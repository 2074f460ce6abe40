"""Copies of functions' folders, in which commands work and of which packages are made."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from tiercel.domain.packaging.folders import MANIFESTS, Folder
from tiercel.domain.packaging.installers import SETTINGS_FILES, is_left_out
from tiercel.domain.packaging.native_packages import (
    NOTE,
    InstalledPackages,
    read_note,
    require_built,
)
from tiercel.tasks.engine.task import run_logger
from tiercel.tasks.packaging.archive import leads_out
from tiercel.tasks.packaging.workshop import CodeCopy, Workshop
from tiercel.tasks.source.committed import CommittedFiles
from tiercel.tasks.source.files import FolderFiles

COPIES = PurePosixPath("installed")
_MANIFEST_BYTES = 16 * 1024 * 1024
_NOT_OWN = {".git", "node_modules"}
_SHOWN = 10


def read_folder(files: FolderFiles | CommittedFiles, folder: PurePosixPath) -> Folder:
    """Return what lies in a folder, with the texts of its manifests."""
    names = files.names_in(folder)
    manifests = names.intersection(MANIFESTS)
    texts = {}
    for name in manifests:
        file = folder / name
        if files.is_plain(file) and files.size_of(file) <= _MANIFEST_BYTES:
            texts[name] = files.read(file).decode(errors="replace")
    below = (name.split("/") for name in files.names_below(folder))
    own = (parts[-1] for parts in below if _NOT_OWN.isdisjoint(parts[:-1]))
    endings = frozenset(PurePosixPath(name).suffix for name in own)
    return Folder(names, texts, endings, manifests - texts.keys())


def copy_code(shop: Workshop, origin: Path, inner: str, *, whole: bool) -> CodeCopy:
    """Copy a folder of the source; with all of the source around it if it needs that.

    `inner` is the folder of the package in which it will lie.
    """
    view = shop.root / COPIES / str(len(shop.copies))
    code = view
    if whole:
        shutil.copytree(shop.source, view, symlinks=True)
        code = view / origin.relative_to(shop.source)
    else:
        shutil.copytree(origin, code, symlinks=True)
    own = frozenset(path.relative_to(code).as_posix() for path in code.rglob("*"))
    return CodeCopy(origin, view, code, own, inner)


def pins_of(copy: CodeCopy) -> Path:
    """Return the file beside a copy in which a lock becomes requirements or constraints."""
    return copy.view.with_name(f"{copy.view.name}.txt")


def finish_copy(copy: CodeCopy, where: str, *, scripts: bool) -> Path:
    """Make a package of a copy in which commands have worked, and return its folder.

    The repository's own files win over installed ones; installers' notes of machine and time go.
    Raises RefusedInputError for packages without the binary that they load, unless scripts ran.
    """
    if copy.made:
        require_below(copy.made, copy.made.parent, where)
        copy.made.mkdir(parents=True, exist_ok=True)  # a builder may have nothing to say
        return _around(copy.made, copy)
    require_below(copy.code, copy.view.parent, where)
    require_below(copy.code / "node_modules", copy.code, where)
    _restore_own(copy, where)
    _bring_links_home(copy)
    note = copy.code / NOTE
    installed = (
        read_note(note.read_text(errors="replace")) if _is_file(note) else InstalledPackages()
    )
    names = [path.relative_to(copy.code).as_posix() for path in copy.code.rglob("*")]
    if not scripts:
        require_built(names, installed, where)
        _tell_of_scripts(installed, where)
    for name in names:
        path = copy.code / name
        if name not in copy.own and is_left_out(name) and not path.is_dir():
            path.unlink()
    return _around(copy.code, copy)


def require_below(path: Path, folder: Path, where: str) -> None:
    """Raise RefusedInputError if links, which commands may have made, lead out of a folder."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise leads_out(path.name, where)


def _around(folder: Path, copy: CodeCopy) -> Path:
    """Return the folder that is packaged: a layer's content lies deeper in it."""
    if not copy.inner:
        return folder
    # Builders share one view, and a command may have made a folder of any name beside it.
    root = Path(tempfile.mkdtemp(dir=copy.view.parent))
    inside = root / copy.inner
    inside.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(inside)
    return root


def _restore_own(copy: CodeCopy, where: str) -> None:
    """A file that is not as it was copied was written by an installer."""
    won = []
    for name in sorted(copy.own):
        mine, theirs = copy.origin / name, copy.code / name
        require_below(theirs.parent, copy.code, where)
        if mine.is_dir() and not mine.is_symlink():
            continue
        if not os.path.lexists(theirs) or _stamp(mine) != _stamp(theirs):
            if name not in SETTINGS_FILES:
                won.append(name)
            theirs.unlink(missing_ok=True)
            shutil.copy2(mine, theirs, follow_symlinks=False)
    if won:
        run_logger().warning(
            "%s: files of the repository took the place of installed ones: %s",
            where, ", ".join(won[:_SHOWN]),
        )  # fmt: skip


def _stamp(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_size, found.st_mtime_ns


def _tell_of_scripts(installed: InstalledPackages, where: str) -> None:
    if installed.scripts:
        shown = ", ".join(sorted(installed.scripts)[:_SHOWN])
        run_logger().info("%s: the scripts of these packages were not run: %s", where, shown)


def _bring_links_home(copy: CodeCopy) -> None:
    """Put the packages of the repository, to which npm has made links, in the links' place."""
    modules = copy.code / "node_modules"
    for link in [*modules.glob("*"), *modules.glob("@*/*")]:
        require_below(link.parent, copy.code, copy.code.name)
        target = Path(os.path.realpath(link))
        is_ours = target.is_relative_to(os.path.realpath(copy.view)) and target.is_dir()
        if link.is_symlink() and is_ours and not copy.code.is_relative_to(target):
            link.unlink()
            shutil.copytree(target, link, symlinks=True)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
