"""The tools that Tiercel is compared with, and how long they take to start."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import uv

from benchmarks.report import RESULTS
from tiercel.sandbox.lifecycle import Sandbox

_REQUIREMENTS = Path(__file__).with_name("peers.txt")
_SHOWN = 400


class PeerMissingError(Exception):
    """A peer cannot be installed, or failed; says why."""


def aws_cli() -> Path:
    """Return the AWS CLI; PeerMissingError if the development tools are not installed."""
    path = Path(sys.executable).with_name("aws")
    if not path.exists():
        raise PeerMissingError("the AWS CLI is not installed: pip install 'tiercel[dev]'")
    return path


def sam_cli() -> Path:
    """Return the SAM CLI from an environment of its own, which is made if there is none.

    Raises PeerMissingError with the installer's last words if it cannot be made.
    """
    recipe = _REQUIREMENTS.read_bytes() + platform.python_version().encode()
    folder = RESULTS.absolute() / f"peers-{hashlib.sha256(recipe).hexdigest()[:12]}"
    sam = folder / "bin" / "sam"
    if not sam.exists():
        tool = uv.find_uv_bin()
        run([tool, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        python = str(folder / "bin" / "python")
        # Compiled now, as pip would: the first run is not to pay for it.
        run([tool, "pip", "install", "--quiet", "--compile-bytecode", "--python", python,
             "--requirement", str(_REQUIREMENTS)])  # fmt: skip
    return sam


def run(
    command: Sequence[str | Path],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a command to its end and return its output; PeerMissingError if it fails."""
    found = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=dict(environment) if environment is not None else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        words = " ".join(str(word) for word in command[:4])
        raise PeerMissingError(f"{words}: {(found.stderr or found.stdout).strip()[-_SHOWN:]}")
    return found.stdout


def environment_of(running: Sandbox, profile: str) -> dict[str, str]:
    """Return the environment of a peer that works in the sandbox as a profile."""
    plain = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return (
        plain
        | running.environ(profile)
        | {"HOME": str(running.state / "home"), "SAM_CLI_TELEMETRY": "0", "AWS_PAGER": ""}
    )
