"""Tiercel as somebody installs it, and a folder in which everything is out to be imported."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

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
_PATIENCE_SECONDS = 280


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
        process = self.start(*arguments, **variables)
        output, errors = process.communicate(timeout=_PATIENCE_SECONDS)
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
    """Install it where nothing but its dependencies is, which are those of this environment."""
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
    (installed.packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    # Dependencies that are programs are looked for beside Python.
    programs = installed.environment / "bin"
    (programs / "uv").symlink_to(Path(sys.executable).parent / "uv")
    (programs / "cfn-lint").write_text(_CFN_LINT.format(python=python))
    (programs / "cfn-lint").chmod(0o755)
    _be_hostile(installed.folder)
    return installed


def _be_hostile(folder: Path) -> None:
    folder.mkdir()
    for name in HOSTILE:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(_TELLS)
    (folder / "prefect.yaml").write_text("deployments: [{name: evil, entrypoint: flows.evil}]\n")
