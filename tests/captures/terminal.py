"""A terminal of a width, by tmux, in which a command runs to its end."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_HEIGHT, _HISTORY = 50, 20_000
_POLL_SECONDS = 0.5
_LONGEST_SECONDS = 900.0
_DEAD = "Pane is dead"


def is_there() -> bool:
    """Whether this machine has tmux."""
    return shutil.which("tmux") is not None


def captured(command: Sequence[str], width: int, folder: Path) -> str:
    """Return all that a terminal of this width has shown when the command has ended.

    Lines that the terminal itself has broken are whole: it breaks names and ids anywhere.
    """
    socket = f"tiercel-captures-{secrets.token_hex(8)}"  # none that is just going

    def tmux(*words: str) -> str:
        done = subprocess.run(
            ("tmux", "-L", socket, "-f", os.devnull, *words),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    history = ("set", "-g", "history-limit", str(_HISTORY))
    remains = ("set", "-g", "remain-on-exit", "on")
    session = ("new-session", "-d", "-x", str(width), "-y", str(_HEIGHT), "-c", str(folder))
    tmux("start-server", ";", *history, ";", *remains, ";", *session, *command)
    try:
        _wait(lambda: tmux("display-message", "-p", "#{pane_dead}").strip() == "1")
        shown = tmux("capture-pane", "-p", "-J", "-S", "-")
    finally:
        tmux("kill-server")
    return shown.partition(_DEAD)[0].rstrip() + "\n"


def _wait(is_over: Callable[[], bool]) -> None:
    until = time.monotonic() + _LONGEST_SECONDS
    while not is_over():
        if time.monotonic() > until:
            raise TimeoutError(f"it has not ended after {_LONGEST_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
