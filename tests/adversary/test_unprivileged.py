"""The same attacks on a worker that is a user without rights, as in production."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.services import Unit
from tiercel.tasks.build.isolation.availability import can_isolate

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
NOBODY = 65534
_SECONDS = 240


def with_what_the_unit_leaves() -> list[str]:
    """The beginning of a command that has no more than the worker's unit gives a process."""
    unit = Unit.read("tiercel-worker@.service", "preprod")
    assert (unit.one("CapabilityBoundingSet"), unit.one("NoNewPrivileges")) == ("", "yes")
    return [
        *("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"),
        *("--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs", "--"),
    ]


def python_for_everybody() -> str:
    """A Python of our version that everybody may run; nothing if there is none."""
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    found = {shutil.which("python3", path=folder) for folder in ("/usr/local/bin", "/usr/bin")}
    for program in sorted(found - {None}, key=str):
        command = [str(program), "-I", "-c", version]
        if subprocess.run(command, user=NOBODY, group=NOBODY, check=False).returncode == 0:
            return str(program)
    return ""


@pytest.mark.timeout(_SECONDS + 60)
def test_the_attacks_are_without_effect_on_a_worker_without_rights(
    request: pytest.FixtureRequest,
) -> None:
    if not request.config.getoption("--adversary"):
        pytest.skip("a part of the whole")
    if (
        os.geteuid()
        or not shutil.which("setpriv")
        or not can_isolate()
        or not (python := python_for_everybody())
    ):
        pytest.skip("only root can become somebody who may run this Python")
    with tempfile.TemporaryDirectory(prefix="tiercel-nobody-", dir="/tmp") as path:
        folder = Path(path)
        environment = folder / "environment"
        (environment / "bin").mkdir(parents=True)
        (environment / "bin" / "python").symlink_to(python)
        (environment / "pyvenv.cfg").write_text(f"home = {Path(python).parent}\n")
        (folder / "work").mkdir()
        for one in (folder, folder / "work"):
            os.chown(one, NOBODY, NOBODY)
        found = [one for one in sys.path if one.endswith("site-packages")]
        done = subprocess.run(
            [
                *with_what_the_unit_leaves(),
                *(environment / "bin" / "python", "-m", "tests.adversary.as_nobody"),
                folder / "work",
            ],
            cwd=ROOT,
            env={
                "HOME": path,
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src"), *found]),
            },
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
