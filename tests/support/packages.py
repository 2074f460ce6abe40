"""Functions and layers as a template describes them, and programs for machines of Lambda."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zipfile
from typing import Any

from tiercel.domain.template.assets import Asset
from tiercel.domain.template.locations import AssetKind

_MACHINES = {"x86_64": 62, "arm64": 183, "x86": 3}


def function(**changes: Any) -> Asset:
    """A Python function for x86_64, but for the changes."""
    values: dict[str, Any] = {
        "logical_id": "Function",
        "resource_type": "AWS::Serverless::Function",
        "property": "CodeUri",
        "path": "src/",
        "kind": AssetKind.CODE,
        "runtimes": ("python3.12",),
        "architectures": ("x86_64",),
    }
    values |= changes
    runtime = next(iter(values["runtimes"]), "")
    return Asset(runtime=runtime, architecture=values["architectures"][0], **values)


def runs(runtime: str, **changes: Any) -> Asset:
    """A function of some runtime."""
    return function(runtimes=(runtime,), **changes)


def layer(build_method: str = "", **changes: Any) -> Asset:
    """A layer that is compatible with whatever it is built for, but for the changes."""
    given = {"runtimes": ()} | changes
    return function(kind=AssetKind.LAYER, build_method=build_method, **given).model_copy(
        update={"runtime": ""}
    )


def elf(
    machine: str = "x86_64",
    versions: tuple[str, ...] = (),
    needed: tuple[str, ...] = ("libc.so.6",),
) -> bytes:
    """A library that is loaded at address 0x1000 and needs libraries and versions of symbols."""
    strings = b"\0" + b"".join(text.encode() + b"\0" for text in (*needed, *versions))

    def at(text: str) -> int:
        return strings.index(b"\0" + text.encode() + b"\0") + 1

    text_offset = 64 + 2 * 56
    version_offset = text_offset + len(strings)
    body = b""
    if versions:
        body = struct.pack("<HHIII", 1, len(versions), at(needed[0]), 16, 0)
        for index, name in enumerate(versions):
            after = 16 if index + 1 < len(versions) else 0
            body += struct.pack("<IHHII", 0, 0, 2 + index, at(name), after)
    entries = [(1, at(name)) for name in needed] + [(5, 0x1000 + text_offset)]
    if versions:
        entries += [(0x6FFFFFFE, 0x1000 + version_offset), (0x6FFFFFFF, 1)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in [*entries, (0, 0)])
    dynamic_offset = version_offset + len(body)
    size = dynamic_offset + len(dynamic)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, _MACHINES[machine], 1)
    head += struct.pack("<QQQIHHHHHH", 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    segments = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x1000, 0x1000, size, size, 4096)
    segments += struct.pack(
        "<IIQQQQQQ", 2, 6, dynamic_offset, 0x1000 + dynamic_offset, 0, len(dynamic), 0, 8
    )
    return head + segments + strings + body + dynamic


def wheel(content: str, tag: str = "py3-none-any", version: str = "1.0") -> bytes:
    """A package `tea` of one module and one program, made by hand."""
    info = f"tea-{version}.dist-info"
    files = {
        "tea/__init__.py": content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tea\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
        f"{info}/entry_points.txt": "[console_scripts]\nbrew = tea:brew\n",
    }
    record = "".join(f"{name},{_record(text)}\n" for name, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return package.getvalue()


def _record(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={digest.rstrip(b'=').decode()},{len(text.encode())}"
