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
from pathlib import Path, PurePosixPath

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
    """Walk breadth first; `way` are the real folders that lead to one, the root first."""
    root: tuple[str, ...] = (os.path.realpath(folder),)
    folders = [(PurePosixPath(), root)]
    for parent, way in folders:
        if len(folders) > MAX_PACKAGE_FILES:
            raise _escape(parent, shown)
        for path in sorted(Path(way[-1]).iterdir()):
            name = parent / path.name
            real = f"{way[-1]}/{path.name}"
            if path.is_symlink():
                real = os.path.realpath(real)
                if real in way or not _exists_below(real, way[0]):
                    raise _escape(name, shown)
            if Path(real).is_dir():
                if path.name not in _SKIPPED_FOLDERS:
                    folders.append((name, (*way, real)))
            elif Path(real).is_file() and path.suffix not in _SKIPPED_SUFFIXES:
                yield str(name), Path(real)


def _exists_below(real: str, root: str) -> bool:
    return real.startswith(root + os.sep) and os.access(real, os.F_OK)


def _entry(name: str, path: Path, offset: int) -> tuple[bytes, bytes, bytes]:
    """Return local header, body and directory entry (APPNOTE.TXT 4.3.7 and 4.3.12)."""
    data = path.read_bytes()
    packed = bytes(deflate.deflate_compress(data, _LEVEL)) if data else b""
    method, body = (_DEFLATED, packed) if len(packed) < len(data) else (_STORED, data)
    raw = name.encode()
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


def _escape(link: PurePosixPath, shown: str) -> RefusedInputError:
    return RefusedInputError(
        "a symbolic link leaves the folder that is packaged, leads nowhere or in a circle",
        where=f"{shown}/{link}",
        state="nothing was uploaded",
        remedy="replace the link by the file, or point it inside the folder",
    )
