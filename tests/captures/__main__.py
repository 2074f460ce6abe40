"""Runs commands in the sandbox on terminals of 80, 100 and 160 columns, and compares what is seen.

python -m tests.captures [--write] [--width N]...

Each width has a sandbox of its own. With `--write` the files in `tests/captures/screens` become
what was seen: read them before they are committed.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.captures.masks import broken, masked
from tests.captures.terminal import captured, is_there
from tests.support.commands import ROOT
from tests.support.repositories import git

SCREENS = Path(__file__).parent / "screens"
WIDTHS = (80, 100, 160)
_TIERCEL = str(Path(sys.executable).parent / "tiercel")
_PLACE = ("--sandbox", "--config", ".tiercel/sandbox/tiercel.toml")
_STACK = "acme-preprod-catalog"
COMMANDS = {
    "demo": ("demo",),
    "init": ("init", "own", "--repository", "acme/own", "--region", "eu-central-1", "--no-ask"),
    "plan": ("plan", "preprod", "acme/shop", "develop", *_PLACE),
    "deploy": ("deploy", "acme/shop", "develop", "--local", *_PLACE),
    "failure": ("deploy", "acme/shop", "nosuch", "--local", *_PLACE),
    "rollback-dry-run": ("rollback", _STACK, "--to", "1", "--dry-run", *_PLACE),
    # Not Preprod's: its alarm still counts what went wrong in the demo.
    "rollback": ("rollback", "acme-prod-catalog", "--to", "1", "--local", *_PLACE),
    "status": ("status", *_PLACE),
}
"""In their order: each finds what those before it have left."""


def main() -> int:
    """Capture and compare; 1 if something is seen otherwise than the files say."""
    parser = argparse.ArgumentParser(prog="python -m tests.captures", description=__doc__)
    parser.add_argument("--write", action="store_true", help="take over what is seen")
    parser.add_argument("--width", type=int, action="append", choices=WIDTHS)
    options = parser.parse_args()
    if not is_there():
        _say("skipped: there is no tmux on this machine")
        return 0
    differs = False
    # Else what is said to be typed next would begin with a path.
    os.environ["PATH"] = os.pathsep.join((str(Path(_TIERCEL).parent), os.environ["PATH"]))
    for width in options.width or WIDTHS:
        for name, screen in _screens(width):
            file = SCREENS / f"{name}-{width}.txt"
            before = file.read_text() if file.exists() else ""
            if options.write:
                file.write_text(screen)
            elif before != screen:
                differs = True
                old, new = before.splitlines(keepends=True), screen.splitlines(keepends=True)
                sys.stdout.writelines(difflib.unified_diff(old, new, str(file), "seen"))
            _say(f"{name} at {width} columns: {'as it was' if before == screen else 'differs'}")
    return int(differs)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _screens(width: int) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="captures-") as name:
        folder = Path(name)
        _make_own_repository(folder / "own")
        try:
            for view, words in COMMANDS.items():
                seen = captured((_TIERCEL, *words), width, folder)
                yield view, broken(masked(seen, folder), width)
        finally:
            subprocess.run((_TIERCEL, "sandbox", "down", "--quiet"), cwd=folder, check=True)


def _make_own_repository(folder: Path) -> None:
    """Make a repository that knows nothing of Tiercel, of the example's services."""
    shutil.copytree(ROOT / "examples/shop", folder)
    (folder / "tiercel.toml").unlink()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=The shop")


if __name__ == "__main__":
    sys.exit(main())
