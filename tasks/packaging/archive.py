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
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import deflate

from tiercel.domain.artifact.archives import (
    MAX_PACKAGE_FILES,
    require_safe_package,
)
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.packaging.elf import Elf, read_elf

# A third of the time of level 6 for packages that are at most some hundredths larger:
# about what zlib, with which others package, makes of them at its own level 6.
_LEVEL = 1
_DOS_DATE = 0x0021  # 1980-01-01, the first day that zip can express
_UTF8 = 0x0800
_DEFLATED, _STORED = 8, 0
_UNIX_VERSION = (3 << 8) | 20
SKIPPED_FOLDERS = {"__pycache__", ".git"}
_COMPILED = (".pyc", ".pyo")
_AHEAD = 8
"""Chunks that are compressed ahead of the one that is written; more would only cost memory."""


@dataclass(frozen=True)
class Contents:
    """Files of a package by their names: how large they are, and what reads some of them together.

    What is read is the content, and whether it is executable. So many files, of so many bytes, are
    read and compressed at once: for single ones, threads would wait for each other.
    """

    sizes: Mapping[str, int]
    read: Callable[[Sequence[str]], Iterable[tuple[bytes, bool]]]
    files_at_once: int = 16
    bytes_at_once: int = 16 * 1024**2

    def chunks(self) -> Iterator[list[str]]:
        """Deal the names out in their order."""
        chunk: list[str] = []
        size = 0
        for name in sorted(self.sizes):
            size += self.sizes[name]
            if chunk and (len(chunk) == self.files_at_once or size > self.bytes_at_once):
                yield chunk
                chunk, size = [], self.sizes[name]
            chunk.append(name)
        if chunk:
            yield chunk


@dataclass(frozen=True)
class _Packed:
    """A file as the zip holds it."""

    method: int
    body: bytes | bytearray
    size: int
    checksum: int
    mode: int
    elf: Elf | None = None


LoadCheck = Callable[[Mapping[str, Elf]], None]
"""Raises for the programs and libraries of a package, by name, if its machine cannot load them."""


def zip_folder(folder: Path, target: Path, shown: str, check: LoadCheck | None = None) -> str:
    """Zip a folder's files into `target` and return the SHA-256 of the zip.

    Symbolic links are followed as long as they stay inside the folder. Python's caches
    are left out, because they hold times; a compiled module without its source is none. Raises
    RefusedInputError for a link that leaves the folder or leads nowhere, and for what Lambda
    would not take.
    """
    # One more than is allowed is enough to be refused; links can multiply folders.
    files = dict(islice(_files(folder, shown), MAX_PACKAGE_FILES + 1))
    return zip_files(files, target, shown, check)


def zip_files(
    files: Mapping[str, Path], target: Path, shown: str, check: LoadCheck | None = None
) -> str:
    """Zip files under the names given and return the SHA-256 of the zip.

    `check` is given the programs and libraries among them.
    """
    sizes = {name: path.stat().st_size for name, path in files.items()}
    content = Contents(sizes, lambda names: [_content(files[one]) for one in names])
    return zip_contents(content, target, shown, check)


def zip_contents(
    contents: Contents, target: Path, shown: str, check: LoadCheck | None = None
) -> str:
    """Zip files that are read as they are packed, and return the SHA-256 of the zip.

    `check` as above. Raises RefusedInputError for what Lambda would not take.
    """
    require_safe_package(contents.sizes, sum(contents.sizes.values()), shown)
    if not contents.sizes:
        raise RefusedInputError("package.empty", "there is nothing to package", where=shown)
    digest, directory, offset = hashlib.sha256(), [], 0
    binaries: dict[str, Elf] = {}
    with target.open("wb") as output:
        for name, packed in _packed(contents):
            if packed.elf:
                binaries[name] = packed.elf
            header, entry = _headers(name, packed, offset)
            for part in (header, packed.body):
                output.write(part)
                digest.update(part)
                offset += len(part)
            directory.append(entry)
        ending = _ending(directory, offset)
        output.write(ending)
        digest.update(ending)
    if check:
        check(binaries)
    return digest.hexdigest()


def _files(folder: Path, shown: str) -> Iterator[tuple[str, Path]]:
    """Walk breadth first; `way` are the real folders that lead to one, the root first."""
    root: tuple[str, ...] = (os.path.realpath(folder),)
    folders = [("", root)]
    for parent, way in folders:
        if len(folders) > MAX_PACKAGE_FILES:
            raise leads_out(parent, shown)
        with os.scandir(way[-1]) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        names = {entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)}
        for entry in entries:
            name, real = f"{parent}{entry.name}", entry.path
            if entry.is_symlink():
                real = os.path.realpath(real)
                if real in way or not _exists_below(real, way[0]):
                    raise leads_out(name, shown)
            if entry.is_dir():
                if entry.name not in SKIPPED_FOLDERS:
                    folders.append((f"{name}/", (*way, real)))
            elif entry.is_file() and not is_cached(entry.name, names):
                yield name, Path(real)


def is_cached(name: str, beside: Collection[str]) -> bool:
    """Tell whether a file of a folder is left out, given the names of the files beside it."""
    return name.endswith(_COMPILED) and name[:-1] in beside


def _exists_below(real: str, root: str) -> bool:
    return real.startswith(root + os.sep) and os.access(real, os.F_OK)


def _packed(contents: Contents) -> Iterator[tuple[str, _Packed]]:
    """Compress the files in the order of their names, on all cores: libdeflate runs unlocked."""
    waiting: deque[Future[list[tuple[str, _Packed]]]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for chunk in contents.chunks():
            waiting.append(pool.submit(_pack_all, chunk, contents))
            if len(waiting) > _AHEAD:
                yield from waiting.popleft().result()
        for packed in waiting:
            yield from packed.result()


def _pack_all(names: Sequence[str], contents: Contents) -> list[tuple[str, _Packed]]:
    found = zip(names, contents.read(names), strict=True)
    return [(name, _pack(data, executable=executable)) for name, (data, executable) in found]


def _content(path: Path) -> tuple[bytes, bool]:
    return path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR)


def _pack(data: bytes, *, executable: bool) -> _Packed:
    packed = deflate.deflate_compress(data, _LEVEL) if data else b""
    method, body = (_DEFLATED, packed) if len(packed) < len(data) else (_STORED, data)
    mode = 0o755 if executable else 0o644
    return _Packed(method, body, len(data), zlib.crc32(data), mode, read_elf(data))


def _headers(name: str, packed: _Packed, offset: int) -> tuple[bytes, bytes]:
    """Return local header and directory entry (APPNOTE.TXT 4.3.7 and 4.3.12)."""
    raw = name.encode()
    common = struct.pack(
        "<HHHHIIIHH",
        _UTF8, packed.method, 0, _DOS_DATE, packed.checksum, len(packed.body), packed.size,
        len(raw), 0,
    )  # fmt: skip
    header = struct.pack("<IH", 0x04034B50, 20) + common + raw
    entry = (
        struct.pack("<IHH", 0x02014B50, _UNIX_VERSION, 20)
        + common
        + struct.pack("<HHHII", 0, 0, 0, (stat.S_IFREG | packed.mode) << 16, offset)
        + raw
    )
    return header, entry


def _ending(directory: list[bytes], offset: int) -> bytes:
    """Return the directory and its end record (APPNOTE.TXT 4.3.16)."""
    body = b"".join(directory)
    count = len(directory)
    return body + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(body), offset, 0)


def leads_out(link: str, shown: str) -> RefusedInputError:
    """Return the error of a link that leaves the folder that is packaged."""
    return RefusedInputError(
        "package.link_leads_out",
        "a symbolic link leaves the folder that is packaged, leads nowhere or in a circle",
        where=f"{shown}/{link}",
        state="nothing was uploaded",
        remedy="replace the link by the file, or point it inside the folder",
    )
