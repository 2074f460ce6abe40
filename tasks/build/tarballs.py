"""Folders as tar archives: packed for a build elsewhere, unpacked from one that nobody trusts."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Self

from tiercel.domain.artifact.archives import fault_of
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import at_most
from tiercel.tasks.engine.folders import remove_tree

MAX_RESULT_BYTES = 1024**3
"""Of a build's result, packed and unpacked."""
_MAX_MEMBERS = 200_000
_MOST_HEADER_BYTES = 1024 * 1024
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Members that say something of the next one, and are read as a whole."""
_READ = 1024 * 1024
_DAMAGES = (EOFError, OSError, ValueError, tarfile.TarError, zlib.error)


class _BoundedMember(tarfile.TarInfo):
    """A member whose description does not fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return what a header says; tarfile.ReadError for one of too long a description."""
        member = super().frombuf(buf, encoding, errors)
        if member.type in _HEADERS and member.size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header has {member.size:,} bytes")
        return member


def pack_folder(folder: Path, target: Path) -> str:
    """Pack a folder's files and links, and return the SHA-256 of the archive.

    The same content gives the same bytes.
    """
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            archive.add(path, str(path.relative_to(folder)), recursive=False, filter=_plain)
    with target.open("rb") as whole:
        return hashlib.file_digest(whole, "sha256").hexdigest()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def unpack_untrusted(archive: Path, folder: Path, shown: str) -> None:
    """Unpack an archive that somebody else has packed into a folder that is not there yet.

    Every name leads to a place of its own below the folder, links to a place below it, and
    nothing is written through a link: they are made last. Raises RefusedInputError for
    anything else, for devices and other special files, and for too much of anything.
    """
    remove_tree(folder)
    folder.mkdir(parents=True)
    try:
        with gzip.open(archive) as unzipped:
            with tarfile.open(fileobj=unzipped, mode="r|", tarinfo=_BoundedMember) as members:
                _unpack(members, folder, shown)
            # What follows is padding, and the checksum of it all.
            while rest := unzipped.read(_READ):
                at_most(unzipped.tell(), 2 * MAX_RESULT_BYTES, "bytes of a build's result", shown)
                if rest.strip(b"\0"):
                    raise _refused_result("something follows its end", shown, "")
    except _DAMAGES as error:
        raise _refused_result("it is damaged", shown, str(error)) from error


def _unpack(members: tarfile.TarFile, folder: Path, shown: str) -> None:
    links: dict[PurePosixPath, str] = {}
    written = 0
    for count, member in enumerate(members, start=1):
        at_most(count, _MAX_MEMBERS, "files of a build's result", shown)
        name = _safe_name(member, shown)
        if member.issym():
            links[name] = member.linkname
        elif member.isdir():
            (folder / name).mkdir(parents=True, exist_ok=True)
        elif member.isreg():
            at_most(written + member.size, MAX_RESULT_BYTES, "bytes of a build's result", shown)
            content = members.extractfile(member)
            if content is None:
                raise _refused_result("a file has no content", shown, str(name))
            written += _write(content, folder / name, executable=bool(member.mode & 0o100))
        else:
            raise _refused_result("it has a file that is none", shown, str(name))
    for name, target in links.items():
        _link(folder, name, target, shown)
    for name, target in links.items():
        # A link that was made later may have changed where an earlier one leads.
        _require_below(folder, folder / name, f"{name} -> {target}", shown)


def _safe_name(member: tarfile.TarInfo, shown: str) -> PurePosixPath:
    """Return a member's path; `tar` itself begins every name with ./ here."""
    plain = member.name.removeprefix("./").rstrip("/") or "."
    if plain != "." and (fault := fault_of(plain)):
        raise _refused_result("a file's name is unsafe", shown, f"{plain!r} {fault}")
    return PurePosixPath(plain)


def _write(content: IO[bytes], path: Path, *, executable: bool) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o755 if executable else 0o644), "wb") as file:
        shutil.copyfileobj(content, file, _READ)
        return file.tell()


def _link(folder: Path, name: PurePosixPath, target: str, shown: str) -> None:
    """Make a link whose end, wherever other links lead, lies in the folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    told = f"{name} -> {target}"
    if target.startswith("/"):
        raise _refused_result("a link leads out of it", shown, told)
    _require_below(folder, path.parent, told, shown)
    path.symlink_to(target)
    _require_below(folder, path, told, shown)


def _require_below(folder: Path, path: Path, told: str, shown: str) -> None:
    if not (os.path.realpath(path) + os.sep).startswith(os.path.realpath(folder) + os.sep):
        raise _refused_result("a link leads out of it", shown, told)


def _refused_result(what: str, shown: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        "build.unsafe_result",
        f"what a build gave back is refused: {what}",
        where=shown,
        why=why,
        state="nothing was uploaded or deployed",
        remedy="let the build make plain files, folders and links within its own folder",
    )
