"""What may be inside of an archive, whoever packed it.

Source of the sizes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import at_most

MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
MAX_PACKAGE_FILES = 65_534
MAX_NAME_BYTES = 1_024
MAX_RATIO = 100
"""Bytes that one byte of an archive may become; code becomes 3 to 10."""
_ALWAYS_SMALL = 1024 * 1024


@dataclass(frozen=True)
class ArchiveEntry:
    """A file or folder of an archive that somebody else has packed. Sizes in bytes."""

    name: str
    size: int
    packed: int
    is_link: bool = False
    is_encrypted: bool = False


def require_safe_package(names: Iterable[str], unzipped: int, where: str) -> None:
    """Raise RefusedInputError if a package cannot be a Lambda function or layer.

    Every name has to lead to a place of its own below the folder into which it is unpacked,
    on every system. Names that differ only in case overwrite each other on some, and names
    that are not UTF-8 are read in different ways, so both are refused as well.
    """
    at_most(unzipped, MAX_UNZIPPED_BYTES, "unzipped bytes", where)
    seen: dict[str, str] = {}
    for count, name in enumerate(names, start=1):
        at_most(count, MAX_PACKAGE_FILES, "files", where)
        at_most(_name_bytes(name, where), MAX_NAME_BYTES, "bytes in a file's name", where)
        if fault := fault_of(name):
            raise _refused(
                "package.unsafe_name",
                "a file's name is unsafe",
                where=where,
                why=f"{name!r} {fault}",
            )
        other = seen.get(name.casefold())
        if other == name:
            raise _refused(
                "package.name_twice",
                "an archive has two files of one name",
                where=where,
                why=repr(name),
            )
        if other is not None:
            why = f"{other!r} and {name!r}"
            raise _refused(
                "package.names_differ_in_case",
                "two files of a package differ only in case",
                where=where,
                why=why,
            )
        seen[name.casefold()] = name


def require_safe_archive(entries: Sequence[ArchiveEntry], where: str) -> None:
    """Raise RefusedInputError if an archive that was packed elsewhere is unsafe to unpack."""
    for entry in entries:
        if entry.is_link:
            raise _refused(
                "package.archived_link",
                "an archive has a symbolic link",
                where=where,
                why=repr(entry.name),
            )
        if entry.is_encrypted:
            raise _refused(
                "package.encrypted", "an archive is encrypted", where=where, why=repr(entry.name)
            )
    unzipped = sum(entry.size for entry in entries)
    require_safe_package([entry.name.removesuffix("/") for entry in entries], unzipped, where)
    packed = sum(entry.packed for entry in entries)
    if unzipped > max(MAX_RATIO * packed, _ALWAYS_SMALL):
        why = f"{packed:,} bytes become {unzipped:,}; at most {MAX_RATIO} times as many may"
        raise _refused(
            "package.unpacks_too_large",
            "an archive becomes far larger when it is unpacked",
            where=where,
            why=why,
        )


def require_fit_together(sizes: Mapping[str, int], limit: int, where: str) -> None:
    """Raise RefusedInputError if a function and its layers are more than Lambda unpacks for one.

    `sizes` are their unzipped bytes by logical id, the function's first. Layers from elsewhere are
    not known: with them it is even more.
    """
    total = sum(sizes.values())
    if total > limit:
        raise RefusedInputError(
            "package.too_large_with_layers",
            f"{next(iter(sizes))} and its layers are together too large",
            where=where,
            why=f"{', '.join(f'{name} has {size:,}' for name, size in sizes.items())} bytes "
            f"unzipped, {total:,} together; AWS takes {limit:,}",
            state="nothing was uploaded",
            remedy="make them smaller, or give the function fewer layers",
        )


def fault_of(name: str) -> str:
    """Return what is unsafe about a file's name, empty if nothing is."""
    if "\\" in name:
        return "has a backslash, which separates folders on some systems"
    if "\x00" in name:
        return "has a NUL, at which some programs end it"
    if name.startswith("/"):
        return "is absolute"
    parts = name.split("/")
    if ".." in parts:
        return "leads out of the folder"
    return "has a part without a name" if {"", "."} & set(parts) else ""


def _name_bytes(name: str, where: str) -> int:
    try:
        return len(name.encode())
    except UnicodeEncodeError as error:
        raise _refused(
            "package.name_not_utf8", "a file's name is not UTF-8", where=where, why=repr(name)
        ) from error


def _refused(code: str, what: str, *, where: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        code,
        what,
        where=where,
        why=why,
        state="nothing was uploaded",
        remedy="correct that in the source, or in what the build packs",
    )
