"""The suite's own workers: forks, where that hides nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forked_workers import POSSIBLE

ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.support.forked_workers import ForkedWorkers

def pytest_configure(config):
    config.pluginmanager.register(ForkedWorkers())
"""
SOUND = """
import os
from pathlib import Path

def test_it_is_a_fork():
    parent = Path("/proc", str(os.getppid()), "cmdline").read_text()
    assert "tests.support.forked_workers" in parent
"""

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not POSSIBLE, reason="only Linux tells by a file that a process has ended"),
]


def session(folder: Path, **modules: str) -> tuple[int, str]:
    """How a session of pytest with one worker ends that has these modules."""
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    (folder / "conftest.py").write_text(CONFTEST)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider"],
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_worker_is_a_fork_of_what_has_imported_the_tests(tmp_path: Path) -> None:
    code, output = session(tmp_path, test_sound=SOUND)
    assert code == pytest.ExitCode.OK, output


@pytest.mark.parametrize("name", ["test_broken", "conftest"])
def test_a_module_that_cannot_be_imported_fails_the_session(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "test_inner.py").write_text("def test_nothing(): pass")
    (inner / f"{name}.py").write_text("raise ValueError('it is broken')")
    code, output = session(tmp_path, test_sound=SOUND)
    assert code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert "it is broken" in output
