"""What the image is built on: Debian's own Python, where no registry of images can be asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.image.engine import Engine

_NAME = "localhost/base"
# What debootstrap copies from this machine, and what it only kept for itself.
_OF_THE_MACHINE = ("etc/hostname", "etc/resolv.conf", "var/cache/apt", "var/lib/apt/lists")


def why_none(given: str) -> str:
    """Why there is no base; empty if one is given or can be made."""
    if given or shutil.which("debootstrap"):
        return ""
    return "no base: name one by BASE=NAME@sha256:DIGEST, or install debootstrap to have one made"


def made_base(engine: Engine, root: Path) -> str:
    """Make Debian bookworm with Python 3.11 in a folder, and take it in as an image."""
    subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=python3,python3-venv", "bookworm", root],
        check=True,
        capture_output=True,
        timeout=900,
    )
    (root / "usr" / "bin" / "python").symlink_to("python3")
    for name in _OF_THE_MACHINE:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    base = engine.take_in(root, _NAME)
    shutil.rmtree(root)
    return base
