"""A bar in the Prefect UI for a wait that takes long."""

from __future__ import annotations

import re
import threading
import time
from contextvars import copy_context
from typing import Any, cast
from uuid import UUID

from tiercel.tasks.engine.task import in_task_run, run_logger

_LONG_SECONDS = 5.0


class Progress:
    """How far a wait has come; nothing is shown of one that is over within 5 seconds.

    It is drawn beside the wait: a Prefect that is slow would hold up whoever looks after traffic.
    """

    def __init__(self, key: str, description: str, *, after_seconds: float = _LONG_SECONDS) -> None:
        """Show nothing yet. Keys have lower-case letters, digits and hyphens."""
        self._key = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
        self._description = description
        self._begins = time.monotonic() + after_seconds
        self._artifact: UUID | None = None
        self._lock = threading.Lock()
        self._wanted = self._shown = -1.0
        self._is_drawing = False
        self._given_up = False

    def show(self, done: int, total: int) -> None:
        """Say that `done` of `total` things are over; a Prefect that is away is no failure."""
        percent = round(100 * done / total, 1) if total else 0.0
        if self._given_up or percent == self._wanted or not in_task_run():
            return
        if self._wanted < 0 and time.monotonic() < self._begins:
            return
        with self._lock:
            self._wanted = percent
            if self._is_drawing:
                return
            self._is_drawing = True
        threading.Thread(target=copy_context().run, args=(self._catch_up,), daemon=True).start()

    def _catch_up(self) -> None:
        import httpx  # noqa: PLC0415 - as in tasks/engine/task.py

        try:
            while (percent := self._next()) is not None:
                self._draw(percent)
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: the run's client is closed
            # What is waited for goes on without.
            self._given_up = True
            run_logger().warning("Prefect does not take how far the wait has come: %s", error)

    def _next(self) -> float | None:
        """Return what is to be drawn; with None it is told that nobody draws any more."""
        with self._lock:
            if self._shown == self._wanted:
                self._is_drawing = False
                return None
            self._shown = self._wanted
            return self._shown

    def _draw(self, percent: float) -> None:
        from prefect.artifacts import (  # noqa: PLC0415 - as in tasks/engine/task.py
            create_progress_artifact,
            update_progress_artifact,
        )

        if self._artifact is None:
            made: Any = create_progress_artifact(percent, self._key, self._description)
            self._artifact = cast("UUID", made)
        else:
            update_progress_artifact(self._artifact, percent)
