"""Whether the programs and libraries of a package can be loaded where it runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.packaging.elf import Elf
from tiercel.domain.packaging.machines import LambdaMachine

_SHOWN = 10
_PYTHON_ABI = re.compile(r"\.cpython-(\d)(\d{1,2})[a-z]*-[^/]*\.so$")
# What in a path tells one machine's variant of a file from another's, as the folders
# `prebuilds` of npm packages and the names of Python's modules do.
_PLATFORM_WORDS = (
    r"abi3|aarch64|amd64|android\w*|arm(?:64|v?\d\w*|hf|el)?|cpython-\d+\w*|darwin\w*|freebsd\w*|"
    r"glibc|gnu\w*|i[36]86|ia32|linux\w*|loong\w*|mips\w*|musl\w*|ppc\w*|riscv\w*|s390x?|"
    r"win(?:dows|32)\w*|x32|x64|x86_64|x86"
)
_PLATFORM = re.compile(rf"(?<![A-Za-z0-9])(?:[-_.+]?(?:{_PLATFORM_WORDS})(?![A-Za-z0-9]))+")
_SEPARATORS = re.compile(r"[-_.+*]*\*[-_.+*]*")


def load_fault(name: str, elf: Elf, machine: LambdaMachine) -> str:
    """Return why a machine cannot load a file, in words; empty if it can."""
    if elf.fault:
        return elf.fault
    if elf.bits != 64 or elf.machine not in machine.architectures:
        return f"it is for {elf.machine}" + (" of 32 bits" if elf.bits != 64 else "")
    if elf.needs_musl:
        return "it needs musl as its C library"
    if elf.glibc > machine.glibc:
        return f"it needs glibc {elf.glibc[0]}.{elf.glibc[1]}"
    match = _PYTHON_ABI.search(name)
    if match and machine.python and machine.python != (int(match[1]), int(match[2])):
        return f"it is a module for Python {match[1]}.{match[2]}"
    return ""


def require_loadable(found: Mapping[str, Elf], machine: LambdaMachine, where: str) -> None:
    """Raise RefusedInputError, with the files, if some cannot be loaded by the machine.

    A file of which the package has a variant that can be loaded is not missed.
    """
    faults = {name: load_fault(name, elf, machine) for name, elf in found.items()}
    variants = {_shape(name) for name, fault in faults.items() if not fault}
    bad = {name: why for name, why in faults.items() if why and _shape(name) not in variants}
    if not bad:
        return
    lines = [f"{printable(name, 200)}: {bad[name]}" for name in sorted(bad)[:_SHOWN]]
    raise RefusedInputError(
        "package.cannot_be_loaded",
        f"{_counted(bad)} of the package cannot be loaded where it runs ({machine.shown})",
        where=where,
        why="\n".join(lines),
        state="nothing was uploaded",
        remedy="name versions of the packages that have files for this machine, or correct "
        "Runtime or Architectures; take out of the folder what belongs to another machine",
    )


def _shape(name: str) -> str:
    """Return a path in which every name of a platform is the same."""
    return _SEPARATORS.sub("*", _PLATFORM.sub("*", name))


def _counted(bad: Collection[str]) -> str:
    return "a file" if len(bad) == 1 else f"{len(bad)} files"
