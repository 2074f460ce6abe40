"""Starts the GitHub stand-in, on loopback only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tiercel.sandbox.github.http.client import RunningGithub
from tiercel.sandbox.github.http.entrance import STAND_IN_HEALTH_PATH
from tiercel.sandbox.machine import processes
from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.readiness import await_answer
from tiercel.sandbox.machine.record import Server

_PATIENCE_SECONDS = 30.0


def start_github(layout: Layout, port: int) -> Server:
    """Start the stand-in and return it; it may not answer yet.

    `port` 0 lets the operating system choose one. Raises TiercelError when the port is taken.
    """
    with processes.bind(port) as listener:
        port = int(listener.getsockname()[1])
        arguments = [
            *(sys.executable, "-m", "tiercel.sandbox.github.http.server"),
            *("--descriptor", str(listener.fileno())),
            *("--folder", str(github_folder(layout))),
            *("--repositories", str(layout.root / "repositories")),
        ]
        process = processes.start(
            arguments, _environment(layout), _log(layout), inherit=(listener.fileno(),)
        )
    return Server(process, port)


def await_github(layout: Layout, server: Server, report: Callable[[str], None]) -> None:
    """Return when the stand-in answers; TiercelError when it does not."""
    name = "the GitHub stand-in"
    await_answer(name, server, STAND_IN_HEALTH_PATH, _log(layout), _PATIENCE_SECONDS, report)


def running_github(layout: Layout, server: Server) -> RunningGithub:
    """Return the started stand-in as other programs see it."""
    return RunningGithub(github_folder(layout), server.port)


def github_folder(layout: Layout) -> Path:
    """Return the folder with the stand-in's state, tokens and journal."""
    return layout.root / "github"


def _log(layout: Layout) -> Path:
    return layout.root / "github.log"


def _environment(layout: Layout) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(layout.home),
        "TMPDIR": str(layout.temporary),
        "LANG": "C.UTF-8",
    }
