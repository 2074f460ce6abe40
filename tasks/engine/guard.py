"""What watches a command while it runs."""

from __future__ import annotations

from typing import Protocol


class Guard(Protocol):
    """Somebody who watches a command and what it has started."""

    def started(self, pid: int, /) -> None:
        """Learn the command's process id, before anything waits for it."""

    def exceeded(self) -> str:
        """Return what the command has too much of, in words; an empty text while all is well."""

    def end(self) -> None:
        """End whatever is left of it; nothing runs any more when this returns."""
