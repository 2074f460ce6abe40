"""Commands that are shown to be typed: what they begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiercel.cli.terminal.session import program


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The command as it lies in the folder of an environment."""
    command = tmp_path / "bin" / "tiercel"
    command.parent.mkdir()
    command.touch(mode=0o755)
    return command


def test_a_command_that_a_shell_finds_is_called_by_its_name(installed: Path) -> None:
    assert program(str(installed), {"PATH": f"/nowhere:{installed.parent}"}) == "tiercel"


def test_what_pipx_started_is_called_by_its_path(installed: Path) -> None:
    assert program(str(installed), {"PATH": "/nowhere"}) == str(installed)


def test_what_uv_started_is_called_by_its_path_as_uv_alone_finds_it(installed: Path) -> None:
    uv = {"UV": "/nowhere/uv", "PATH": f"{installed.parent}:/nowhere"}
    assert program(str(installed), uv) == str(installed)
    uv["PATH"] += f":{installed.parent}"
    assert program(str(installed), uv) == "tiercel", "the environment is active as well"


@pytest.mark.parametrize("started", [".venv/bin/tiercel", "tiercel", "/usr/bin/pytest"])
def test_a_command_in_the_folder_of_a_clone_is_called_by_its_name(started: str) -> None:
    assert program(started, {"PATH": "/nowhere"}) == "tiercel"
