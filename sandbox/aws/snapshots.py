"""The emulated services' state, written while they run so that a kill loses little of it."""
# ruff: noqa: SLF001 - what writes the state has only private names

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ministack import app
from ministack.core import persistence
from ministack.services import cloudformation

from tiercel.sandbox.machine import state_folder

_INTERVAL_SECONDS = 2.0
_SHARE_OF_TIME = 0.02
"""No more of it goes into writing, however large the state has become."""
_READING = ("BatchGet", "Describe", "Get", "Head", "List", "Query", "Scan", "Validate", "Verify")


class _Json:
    """The module `json` as the emulator uses it, but that `dump` makes the text at once.

    Piece by piece, as `json.dump` does it, Python itself encodes, which takes ten times as long.
    """

    load, JSONDecodeError = staticmethod(json.load), json.JSONDecodeError

    @staticmethod
    def dump(value: Any, file: IO[str], default: Callable[[Any], Any]) -> None:
        file.write(json.dumps(value, default=default))


class Snapshots:
    """Writes the state some seconds after it changed, unless a stack is changing just then.

    A stack that is restored in progress would stay so for ever.
    """

    def __init__(self) -> None:
        self._changed = False
        persistence.json = _Json
        logging.getLogger("persistence").setLevel(logging.WARNING)

    def note(self, operation: str) -> None:
        """Remember that a call may have changed something."""
        self._changed = self._changed or not operation.startswith(_READING)

    async def run(self) -> None:
        """Write the state again and again until cancelled."""
        seconds = _INTERVAL_SECONDS
        while True:
            await asyncio.sleep(seconds)
            if self._changed and not _stack_in_progress():
                self._changed = False
                began = time.monotonic()
                state_folder.replace(Path(persistence.STATE_DIR), _write)
                seconds = max(_INTERVAL_SECONDS, (time.monotonic() - began) / _SHARE_OF_TIME)


def _write(folder: Path) -> None:
    link, persistence.STATE_DIR = persistence.STATE_DIR, str(folder)
    try:
        persistence.save_all(app._build_persistence_save_dict())
    finally:
        persistence.STATE_DIR = link


def _stack_in_progress() -> bool:
    return any(
        stack["StackStatus"].endswith("IN_PROGRESS")
        and stack["StackStatus"] != "REVIEW_IN_PROGRESS"
        for _, stack in cloudformation._stacks.all_items()
    )
