"""A bar in the Prefect UI for a wait that takes long."""

from __future__ import annotations

import re
import time
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext

_LONG_SECONDS = 5.0


class Progress:
    """How far a wait has come; nothing is shown of one that is over within 5 seconds."""

    def __init__(self, key: str, description: str) -> None:
        """Show nothing yet. Keys have lower-case letters, digits and hyphens."""
        self._key = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
        self._description = description
        self._started = time.monotonic()
        self._artifact: UUID | None = None
        self._shown = -1.0

    def show(self, done: int, total: int) -> None:
        """Say that `done` of `total` things are over."""
        percent = round(100 * done / total, 1) if total else 0.0
        if percent == self._shown or TaskRunContext.get() is None:
            return
        if self._artifact is None and time.monotonic() - self._started < _LONG_SECONDS:
            return
        self._shown = percent
        if self._artifact is None:
            made: Any = create_progress_artifact(percent, self._key, self._description)
            self._artifact = cast("UUID", made)
        else:
            update_progress_artifact(self._artifact, percent)
