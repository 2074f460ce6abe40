"""Tiercel as somebody installs it, and a folder in which everything is out to be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
HOSTILE = ("cli", "deployments", "domain", "flows", "policies", "sandbox", "tasks", "tiercel")
_TELLS = """
import sys
from pathlib import Path

with (Path(__file__).parents[1] / "imported").open("a") as told:
    told.write(f"{__name__} by {sys.argv}\\n")
"""
_CFN_LINT = """#!{python}
import sys

from cfnlint.runner import main

sys.exit(main())
"""
_PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Installed:
    """An environment that has the wheel, and the folder in which its commands are run."""

    environment: Path
    folder: Path

    @property
    def packages(self) -> Path:
        python = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.environment / "lib" / python / "site-packages"

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.environment / "bin" / "tiercel"), *arguments],
            cwd=self.folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        with self.start(*arguments, **variables) as process:
            try:
                output, errors = process.communicate(timeout=_PATIENCE_SECONDS)
            except BaseException:
                process.kill()
                raise
        return process.returncode, output, errors

    def imported(self) -> str:
        """What was imported from the folder, and by whom: nothing should be."""
        told = self.folder / "imported"
        return told.read_text() if told.exists() else ""


def build_wheel(folder: Path, root: Path = ROOT) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def install_wheel(wheel: Path, folder: Path) -> Installed:
    """Install it where nothing is but what it says that it needs, with its extra `sandbox`.

    Whatever that is comes from this environment.
    """
    installed = Installed(folder / "environment", folder / "hostile")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", installed.environment], check=True
    )
    python = installed.environment / "bin" / "python"
    subprocess.run(
        [Path(sys.executable).parent / "uv", "pip", "install", "--quiet", "--offline",
         "--no-deps", "--python", python, wheel],
        check=True,
    )  # fmt: skip
    # Files in there that lead to the checkout are not read: it is no folder of this environment.
    dependencies = installed.environment / "dependencies"
    _link_dependencies(installed.packages, dependencies)
    (installed.packages / "dependencies.pth").write_text(f"{dependencies}\n")
    # Dependencies that are programs are looked for beside Python.
    programs = installed.environment / "bin"
    (programs / "uv").symlink_to(Path(sys.executable).parent / "uv")
    (programs / "cfn-lint").write_text(_CFN_LINT.format(python=python))
    (programs / "cfn-lint").chmod(0o755)
    _be_hostile(installed.folder)
    return installed


def _link_dependencies(packages: Path, folder: Path) -> None:
    """Let a folder have the packages that the wheel asks for, and those that these ask for."""
    (wheel,) = Distribution.discover(name="tiercel", path=[str(packages)])
    waiting: list[tuple[Distribution, tuple[str, ...]]] = [(wheel, ("", "sandbox"))]
    seen = set[str]()
    found: dict[str, Path] = {}
    while waiting:
        one, extras = waiting.pop()
        for text in one.requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if str(needed) in seen or not (
                marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
            ):
                continue
            seen.add(str(needed))
            there = distribution(needed.name)
            waiting.append((there, ("", *needed.extras)))
            for file in there.files or ():
                if file.parts[0] != "..":
                    found[file.parts[0]] = Path(str(there.locate_file(file.parts[0])))
    folder.mkdir()
    for name, place in found.items():
        (folder / name).symlink_to(place)


def _be_hostile(folder: Path) -> None:
    folder.mkdir()
    for name in HOSTILE:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(_TELLS)
    (folder / "prefect.yaml").write_text("deployments: [{name: evil, entrypoint: flows.evil}]\n")
