"""Zip files that have the same bytes wherever and whenever they are made.

Names are sorted, times and modes are fixed and libdeflate compresses, whose output
does not depend on the machine, as that of the systems' zlibs does.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import deflate

from domain.errors import RefusedInputError
from domain.limits import MAX_PACKAGE_FILES, check_package

_LEVEL = 6
_DOS_DATE = 0x0021  # 1980-01-01, the first day that zip can express
_UTF8 = 0x0800
_DEFLATED, _STORED = 8, 0
_UNIX_VERSION = (3 << 8) | 20
_SKIPPED_FOLDERS = {"__pycache__", ".git"}
_SKIPPED_SUFFIXES = {".pyc", ".pyo"}


def zip_folder(folder: Path, target: Path, shown: str) -> str:
    """Zip a folder's files into `target` and return the SHA-256 of the zip.

    Symbolic links are followed as long as they stay inside the folder. Python's caches
    are left out, because they hold times. Raises RefusedInputError for a link that
    leaves the folder or leads nowhere, and for what Lambda would not take.
    """
    # One more than is allowed is enough to be refused; links can multiply folders.
    files = dict(islice(_files(folder, shown), MAX_PACKAGE_FILES + 1))
    return zip_files(files, target, shown)


def zip_files(files: dict[str, Path], target: Path, shown: str) -> str:
    """Zip files under the names given and return the SHA-256 of the zip."""
    check_package(files, sum(path.stat().st_size for path in files.values()), shown)
    if not files:
        raise RefusedInputError("there is nothing to package", where=shown)
    digest, directory, offset = hashlib.sha256(), [], 0
    with target.open("wb") as output:
        for name in sorted(files):
            header, body, entry = _entry(name, files[name], offset)
            for part in (header, body):
                output.write(part)
                digest.update(part)
                offset += len(part)
            directory.append(entry)
        ending = _ending(directory, offset)
        output.write(ending)
        digest.update(ending)
    return digest.hexdigest()


def _files(folder: Path, shown: str) -> Iterator[tuple[str, Path]]:
    for count, (parent, folders, names) in enumerate(os.walk(folder, followlinks=True)):
        if count > MAX_PACKAGE_FILES:
            raise _escape(Path(), shown)
        folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
        here = Path(parent)
        for path in (here / name for name in (*folders, *names)):
            if path.is_symlink() and not _inside(path, folder):
                raise _escape(path.relative_to(folder), shown)
        for name in names:
            path = here / name
            if path.suffix not in _SKIPPED_SUFFIXES and path.is_file():
                yield path.relative_to(folder).as_posix(), path


def _inside(link: Path, folder: Path) -> bool:
    """Tell whether a link leads to something below the folder that is packaged.

    A link to one of the folders on the way to it would be walked for ever.
    """
    target = _real(link)
    way = [folder, *(folder / part for part in link.relative_to(folder).parents)]
    return (
        target.is_relative_to(_real(folder))
        and target.exists()
        and not any(_real(step).is_relative_to(target) for step in way)
    )


def _real(path: Path) -> Path:
    """`Path.resolve` raises for a circle of links before Python 3.13."""
    return Path(os.path.realpath(path))


def _entry(name: str, path: Path, offset: int) -> tuple[bytes, bytes, bytes]:
    """Return local header, body and directory entry (APPNOTE.TXT 4.3.7 and 4.3.12)."""
    data = path.read_bytes()
    packed = bytes(deflate.deflate_compress(data, _LEVEL)) if data else b""
    method, body = (_DEFLATED, packed) if len(packed) < len(data) else (_STORED, data)
    raw = name.encode("utf-8", "surrogateescape")
    common = struct.pack(
        "<HHHHIIIHH",
        _UTF8, method, 0, _DOS_DATE, zlib.crc32(data), len(body), len(data), len(raw), 0,
    )  # fmt: skip
    executable = path.stat().st_mode & stat.S_IXUSR
    mode = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    header = struct.pack("<IH", 0x04034B50, 20) + common + raw
    entry = (
        struct.pack("<IHH", 0x02014B50, _UNIX_VERSION, 20)
        + common
        + struct.pack("<HHHII", 0, 0, 0, mode, offset)
        + raw
    )
    return header, body, entry


def _ending(directory: list[bytes], offset: int) -> bytes:
    """Return the directory and its end record (APPNOTE.TXT 4.3.16)."""
    body = b"".join(directory)
    count = len(directory)
    return body + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(body), offset, 0)


def _escape(link: Path, shown: str) -> RefusedInputError:
    return RefusedInputError(
        "a symbolic link leaves the folder that is packaged, runs in a circle or leads nowhere",
        where=f"{shown}/{link}",
        state="nothing was uploaded",
        remedy="replace the link by the file, or point it inside the folder",
    )
