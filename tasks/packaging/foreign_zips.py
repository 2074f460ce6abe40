"""Zip files that somebody else has made: looked through before they are taken."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from pathlib import Path

from tiercel.domain.artifact.archives import (
    MAX_UNZIPPED_BYTES,
    ArchiveEntry,
    require_safe_archive,
)
from tiercel.domain.artifact.handlers import IN_ARCHIVE
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import at_most
from tiercel.domain.packaging.elf import MAGIC, Elf, read_elf
from tiercel.tasks.packaging.archive import LoadCheck

_DEFLATED, _STORED = 8, 0
_ENCRYPTED = 0x1
_JAVA_ARCHIVE = ".jar"
_READ = 1024 * 1024
_DAMAGES = (
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def require_safe_zip(path: Path, shown: str, check: LoadCheck | None = None) -> None:
    """Raise RefusedInputError for a zip of somebody else's that is damaged or unsafe to unpack.

    Its whole content is read, because its directory may say other sizes. `check` as above.
    """
    at_most(path.stat().st_size, MAX_UNZIPPED_BYTES, "bytes of an archive", shown)
    try:
        with zipfile.ZipFile(path) as archive:
            require_safe_archive([_entry(info) for info in archive.infolist()], shown)
            found = {info.filename: _read_through(archive, info) for info in archive.infolist()}
    except _DAMAGES as error:
        raise RefusedInputError(
            "package.damaged",
            "an archive is damaged",
            where=shown,
            why=str(error),
            state="nothing was uploaded",
            remedy="pack it again, as a zip that is stored or deflated",
        ) from error
    if check:
        check({name: elf for name, elf in found.items() if elf})


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


def unzipped_bytes(path: Path) -> int:
    """Return how many bytes the files of a zip that is safe are when it is unpacked."""
    with zipfile.ZipFile(path) as archive:
        return sum(info.file_size for info in archive.infolist())


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


def _read_through(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Elf | None:
    """Read a member to its end, and return what it asks of its machine if it is a program."""
    if info.compress_type not in (_STORED, _DEFLATED):
        raise NotImplementedError(f"{info.filename!r} is compressed in another way")
    with archive.open(info) as file:
        start = file.read(_READ)
        if start.startswith(MAGIC):
            return read_elf(start + file.read())
        while file.read(_READ):
            pass
    return None
