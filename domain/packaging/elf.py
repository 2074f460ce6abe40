"""What a program or library of Linux asks of the machine that loads it.

The format: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html, the versions of
symbols https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

MAGIC = b"\x7fELF"
_MACHINES = {62: "x86_64", 183: "arm64", 3: "x86", 40: "arm", 8: "mips", 21: "ppc64", 243: "riscv"}
_LOADED = (2, 3)
"""ET_EXEC and ET_DYN: programs and libraries. Objects for a linker are never loaded."""
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS, _VERSIONS, _VERSION_COUNT = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF
_SEGMENT = struct.Struct("<IIQQQQQQ")
_ENTRY = struct.Struct("<QQ")
_VERSION_NEED = struct.Struct("<HHIII")
_VERSION_NAME = struct.Struct("<IHHII")
_MOST = 4096
"""Of anything that is listed in one file: more is none that a linker has written."""
_GLIBC = re.compile(rb"GLIBC_(\d{1,4})\.(\d{1,4})(?:\.\d+)?")
_RELATIVE = (b"GLIBC_ABI_DT_RELR", (2, 36))
"""A mark of packed relocations and no number: https://sourceware.org/glibc/wiki/Release/2.36"""


class Elf(NamedTuple):
    """A program or library: whose processor, how many bits, which C library it needs.

    `glibc` is the newest version of which it uses a symbol; `needs_musl` that it was linked with
    another C library than Lambda's. `fault` says that it cannot be read.
    """

    machine: str
    bits: int
    glibc: tuple[int, int] = (0, 0)
    needs_musl: bool = False
    fault: str = ""


def read_elf(data: bytes) -> Elf | None:
    """Return what a file's bytes ask for, None if Linux would load it as nothing."""
    if data[:4] != MAGIC or len(data) < 20:
        return None
    bits = 64 if data[4] == 2 else 32
    order = ">" if data[5] == 2 else "<"
    kind, number = struct.unpack_from(f"{order}HH", data, 16)
    if kind not in _LOADED:
        return None
    machine = _MACHINES.get(number, f"processor {number}")
    if bits == 32 or order == ">":
        return Elf(machine, bits)
    try:
        libraries, versions = _needs(data)
    except (struct.error, ValueError, IndexError, OverflowError):
        return Elf(machine, bits, fault="it is damaged")
    found = [match for match in map(_GLIBC.fullmatch, versions) if match]
    needed = [(int(one[1]), int(one[2])) for one in found]
    needed += [_RELATIVE[1]] if _RELATIVE[0] in versions else []
    musl = any(b"libc.musl" in name for name in libraries)
    return Elf(machine, bits, max(needed, default=(0, 0)), musl)


def _needs(data: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the names of the libraries and of the versions of symbols that a file needs."""
    offset, size, count = *struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54)
    segments = [_SEGMENT.unpack_from(data, offset + size * index) for index in range(count)]
    loaded = [
        (at, start, length) for kind, _, at, start, _, length, *_ in segments if kind == _LOAD
    ]
    dynamic = next((one for one in segments if one[0] == _DYNAMIC), None)
    if dynamic is None:
        return [], []  # linked statically: it brings what it needs
    entries = list(_entries(data, dynamic[2], dynamic[5]))
    facts = dict(entries)
    strings = _offset(facts[_STRINGS], loaded) if _STRINGS in facts else len(data)
    libraries = [_text(data, strings + value) for tag, value in entries if tag == _NEEDED]
    if _VERSIONS not in facts:
        return libraries, []
    versions = _versions(data, _offset(facts[_VERSIONS], loaded), facts.get(_VERSION_COUNT, 0))
    return libraries, [_text(data, strings + name) for name in versions]


def _entries(data: bytes, offset: int, length: int) -> Iterator[tuple[int, int]]:
    for index in range(min(length // _ENTRY.size, _MOST)):
        tag, value = _ENTRY.unpack_from(data, offset + index * _ENTRY.size)
        if tag == 0:
            return
        yield tag, value


def _versions(data: bytes, offset: int, count: int) -> Iterator[int]:
    """Yield where the names stand: a list of files, each with a list of versions."""
    for _ in range(min(count, _MOST)):
        _, names, _, first, following = _VERSION_NEED.unpack_from(data, offset)
        at = offset + first
        for _ in range(min(names, _MOST)):
            *_, name, after = _VERSION_NAME.unpack_from(data, at)
            yield name
            at += after
        offset += following


def _offset(address: int, loaded: list[tuple[int, int, int]]) -> int:
    """Return where in the file lies what is loaded at an address."""
    for at, start, length in loaded:
        if start <= address < start + length:
            return at + address - start
    raise ValueError("an address of it is not loaded")


def _text(data: bytes, offset: int) -> bytes:
    return data[offset : data.index(b"\0", offset, offset + _MOST)]
