"""The machine that runs a package: it follows from runtime and architecture.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html has each runtime's
operating system; Amazon Linux 1, 2 and 2023 have glibc 2.17, 2.26 and 2.34
(https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.template.assets import Asset
from tiercel.domain.template.locations import AssetKind

X86_64, ARM64 = "x86_64", "arm64"
ARCHITECTURES = (X86_64, ARM64)

_GLIBC_1, _GLIBC_2, _GLIBC_2023 = (2, 17), (2, 26), (2, 34)
# The first version of each language whose machine is Amazon Linux 2023.
_FIRST_ON_2023 = {
    "dotnet": (8,),
    "dotnetcore": (8,),
    "java": (21,),
    "nodejs": (20,),
    "python": (3, 12),
    "ruby": (3, 3),
}
_NEWEST = "provided.al2023"
_CUSTOM = {
    "go1.x": _GLIBC_1,
    "java8": _GLIBC_1,
    "provided": _GLIBC_1,
    "provided.al2": _GLIBC_2,
    "provided.al2023": _GLIBC_2023,
}
_RUNTIME = re.compile(r"([a-z]+)(\d{1,3}(?:\.\d{1,3})?)(?:\.x)?(\.al2|\.al2023)?")


class LambdaMachine(Frozen):
    """What a package meets: the processors that it has to run on, the C library, the Python.

    A layer may be for several `architectures`. `python` is the version whose modules can be
    imported, None where none is or several are.
    """

    architectures: tuple[str, ...]
    glibc: tuple[int, int]
    python: tuple[int, int] | None = None

    @property
    def shown(self) -> str:
        """The machine in words."""
        python = f", Python {self.python[0]}.{self.python[1]}" if self.python else ""
        return f"{' and '.join(self.architectures)}, glibc {self.glibc[0]}.{self.glibc[1]}{python}"


def glibc_of(runtime: str) -> tuple[int, int] | None:
    """Return the version of the C library beside a runtime, None for one that is not known."""
    match = _RUNTIME.fullmatch(runtime)
    if runtime in _CUSTOM or not match or match[1] not in _FIRST_ON_2023:
        return _CUSTOM.get(runtime)
    if match[3]:
        return _CUSTOM[f"provided{match[3]}"]
    is_new = _numbers(match[2]) >= _FIRST_ON_2023[match[1]]
    return _GLIBC_2023 if is_new else _GLIBC_2


def python_of(runtime: str) -> tuple[int, int] | None:
    """Return the version of a Python runtime, None for another runtime."""
    match = re.fullmatch(r"python(\d)\.(\d{1,3})", runtime)
    return (int(match[1]), int(match[2])) if match else None


def machine_of(runtimes: Iterable[str], architectures: Iterable[str]) -> LambdaMachine | None:
    """Return the least of the machines of some runtimes, None if one of them is not known.

    A function has one runtime; a layer runs beside each that it declares compatible.
    """
    names = tuple(dict.fromkeys(runtimes))
    libraries = [glibc_of(name) for name in names]
    known = [library for library in libraries if library]
    wanted = tuple(dict.fromkeys(architectures))
    if not names or not wanted or len(known) < len(names) or set(wanted) - set(ARCHITECTURES):
        return None
    python = python_of(names[0]) if len(names) == 1 else None
    return LambdaMachine(architectures=wanted, glibc=min(known), python=python)


def machine_of_asset(asset: Asset) -> LambdaMachine | None:
    """Return the machine on which a function or layer runs, None where that is not known."""
    runtimes = asset.runtimes
    if asset.kind is AssetKind.LAYER and not runtimes:
        # Of a layer that declares no runtime only the processor is known, and what builds it.
        runtimes = (asset.build_method if glibc_of(asset.build_method) else _NEWEST,)
    found = None if asset.unknown else machine_of(runtimes, asset.architectures)
    if found and asset.build_method.startswith("python"):
        return found.model_copy(update={"python": python_of(asset.build_method) or found.python})
    return found


def require_machine(asset: Asset, where: str) -> LambdaMachine:
    """Return the machine; RefusedInputError where it is not known, as something depends on it."""
    machine = machine_of_asset(asset)
    if machine:
        return machine
    names = printable(", ".join((*asset.runtimes, *asset.architectures)), 200)
    raise RefusedInputError(
        "package.machine_unknown",
        f"it is not known on which machine {asset.logical_id} runs",
        where=where,
        why=asset.unknown or (f"it names {names}" if asset.runtimes else "it names no runtime"),
        state="nothing was uploaded",
        remedy="name one Runtime and one of Architectures, of those that Lambda has, or give their "
        "parameters a default or a value that is the same in every environment",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
