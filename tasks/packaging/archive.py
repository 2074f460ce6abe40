"""Zip files that have the same bytes wherever and whenever they are made.

Names are sorted, times and modes are fixed and libdeflate compresses, whose output
does not depend on the machine, as that of the systems' zlibs does.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import zipfile
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
    MAX_UNZIPPED_BYTES,
    ArchiveEntry,
    require_safe_archive,
    require_safe_package,
)
from tiercel.domain.artifact.handlers import IN_ARCHIVE
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import at_most

# A third of the time of level 6 for packages that are at most some hundredths larger:
# about what zlib, with which others package, makes of them at its own level 6.
_LEVEL = 1
_DOS_DATE = 0x0021  # 1980-01-01, the first day that zip can express
_UTF8 = 0x0800
_DEFLATED, _STORED = 8, 0
_UNIX_VERSION = (3 << 8) | 20
SKIPPED_FOLDERS = {"__pycache__", ".git"}
_COMPILED = (".pyc", ".pyo")
_JAVA_ARCHIVE = ".jar"
_READ = 1024 * 1024
_ENCRYPTED = 0x1
_DAMAGES = (
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_AHEAD = 8
"""Chunks that are compressed ahead of the one that is written; more would only cost memory."""


ReadContents = Callable[[Sequence[str]], Iterable[tuple[bytes, bool]]]
"""Returns what files hold, by their names in the package, and whether they are executable."""


@dataclass(frozen=True)
class Chunk:
    """How many files a thread reads and compresses at once, and how many bytes together.

    For single ones, threads would wait for each other.
    """

    files: int
    size: int

    def dealt(self, sizes: Mapping[str, int]) -> Iterator[list[str]]:
        """Deal files out in the order of their names."""
        chunk: list[str] = []
        size = 0
        for name in sorted(sizes):
            if chunk and (len(chunk) == self.files or size + sizes[name] > self.size):
                yield chunk
                chunk, size = [], 0
            chunk.append(name)
            size += sizes[name]
        if chunk:
            yield chunk


FEW = Chunk(16, 16 * 1024**2)


@dataclass(frozen=True)
class _Packed:
    """A file as the zip holds it."""

    method: int
    body: bytes | bytearray
    size: int
    checksum: int
    mode: int


def zip_folder(folder: Path, target: Path, shown: str) -> str:
    """Zip a folder's files into `target` and return the SHA-256 of the zip.

    Symbolic links are followed as long as they stay inside the folder. Python's caches
    are left out, because they hold times; a compiled module without its source is none. Raises
    RefusedInputError for a link that leaves the folder or leads nowhere, and for what Lambda
    would not take.
    """
    # One more than is allowed is enough to be refused; links can multiply folders.
    files = dict(islice(_files(folder, shown), MAX_PACKAGE_FILES + 1))
    return zip_files(files, target, shown)


def zip_files(files: Mapping[str, Path], target: Path, shown: str) -> str:
    """Zip files under the names given and return the SHA-256 of the zip."""
    sizes = {name: path.stat().st_size for name, path in files.items()}
    return zip_contents(sizes, lambda names: [_content(files[one]) for one in names], target, shown)


def zip_contents(
    sizes: Mapping[str, int], read: ReadContents, target: Path, shown: str, at_once: Chunk = FEW
) -> str:
    """Zip what `read` returns for names, and return the SHA-256 of the zip.

    `sizes` are those of the files by their names; so many are read together as `at_once` says.
    Raises RefusedInputError for what Lambda would not take.
    """
    require_safe_package(sizes, sum(sizes.values()), shown)
    if not sizes:
        raise RefusedInputError("package.empty", "there is nothing to package", where=shown)
    digest, directory, offset = hashlib.sha256(), [], 0
    with target.open("wb") as output:
        for name, packed in _packed(at_once.dealt(sizes), read):
            header, entry = _headers(name, packed, offset)
            for part in (header, packed.body):
                output.write(part)
                digest.update(part)
                offset += len(part)
            directory.append(entry)
        ending = _ending(directory, offset)
        output.write(ending)
        digest.update(ending)
    return digest.hexdigest()


def require_safe_zip(path: Path, shown: str) -> None:
    """Raise RefusedInputError for a zip of somebody else's that is damaged or unsafe to unpack.

    Its whole content is read, because its directory may say other sizes.
    """
    at_most(path.stat().st_size, MAX_UNZIPPED_BYTES, "bytes of an archive", shown)
    try:
        with zipfile.ZipFile(path) as archive:
            require_safe_archive([_entry(info) for info in archive.infolist()], shown)
            for info in archive.infolist():
                _read_through(archive, info)
    except _DAMAGES as error:
        raise RefusedInputError(
            "package.damaged",
            "an archive is damaged",
            where=shown,
            why=str(error),
            state="nothing was uploaded",
            remedy="pack it again, as a zip that is stored or deflated",
        ) from error


def files_in_zip(path: Path) -> frozenset[str]:
    """Return the names in a zip that is safe, and those in the Java archives that it holds."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        inner = [
            f"{name}{IN_ARCHIVE}{one}"
            for name in names
            if name.endswith(_JAVA_ARCHIVE)
            for one in _names_in(archive.read(name))
        ]
    return frozenset([*names, *inner])


def _names_in(body: bytes) -> list[str]:
    """Return the names in a Java archive, none for what is only called one."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return archive.namelist()
    except _DAMAGES:
        return []


def _entry(info: zipfile.ZipInfo) -> ArchiveEntry:
    """`filename` would end at a NUL."""
    return ArchiveEntry(
        name=info.orig_filename,
        size=info.file_size,
        packed=info.compress_size,
        is_link=stat.S_ISLNK(info.external_attr >> 16),
        is_encrypted=bool(info.flag_bits & _ENCRYPTED),
    )


def _read_through(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    if info.compress_type not in (_STORED, _DEFLATED):
        raise NotImplementedError(f"{info.filename!r} is compressed in another way")
    with archive.open(info) as file:
        while file.read(_READ):
            pass


def _files(folder: Path, shown: str) -> Iterator[tuple[str, Path]]:
    """Walk breadth first; `way` are the real folders that lead to one, the root first."""
    root: tuple[str, ...] = (os.path.realpath(folder),)
    folders = [("", root)]
    for parent, way in folders:
        if len(folders) > MAX_PACKAGE_FILES:
            raise _escape(parent, shown)
        with os.scandir(way[-1]) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        names = {entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)}
        for entry in entries:
            name, real = f"{parent}{entry.name}", entry.path
            if entry.is_symlink():
                real = os.path.realpath(real)
                if real in way or not _exists_below(real, way[0]):
                    raise _escape(name, shown)
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


def _packed(chunks: Iterable[Sequence[str]], read: ReadContents) -> Iterator[tuple[str, _Packed]]:
    """Compress chunks of files one after the other, on all cores: libdeflate runs unlocked."""
    waiting: deque[Future[list[tuple[str, _Packed]]]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for chunk in chunks:
            waiting.append(pool.submit(_pack_all, chunk, read))
            if len(waiting) > _AHEAD:
                yield from waiting.popleft().result()
        for packed in waiting:
            yield from packed.result()


def _pack_all(names: Sequence[str], read: ReadContents) -> list[tuple[str, _Packed]]:
    contents = zip(names, read(names), strict=True)
    return [(name, _pack(data, executable=executable)) for name, (data, executable) in contents]


def _content(path: Path) -> tuple[bytes, bool]:
    return path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR)


def _pack(data: bytes, *, executable: bool) -> _Packed:
    packed = deflate.deflate_compress(data, _LEVEL) if data else b""
    method, body = (_DEFLATED, packed) if len(packed) < len(data) else (_STORED, data)
    return _Packed(method, body, len(data), zlib.crc32(data), 0o755 if executable else 0o644)


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


def _escape(link: str, shown: str) -> RefusedInputError:
    return RefusedInputError(
        "package.link_leads_out",
        "a symbolic link leaves the folder that is packaged, leads nowhere or in a circle",
        where=f"{shown}/{link}",
        state="nothing was uploaded",
        remedy="replace the link by the file, or point it inside the folder",
    )
