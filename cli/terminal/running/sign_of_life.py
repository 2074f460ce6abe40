"""The first sign of life: what is asked for, with a clock, until there is something to say.

To import what a command needs takes seconds. Meanwhile a person sees that it was heard, within
0.3 seconds; so this imports next to nothing.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence

_STDERR = 2
_CLEAR = b"\r\x1b[K"
_LONGEST = 40
_EACH_SECONDS = 0.5
_PLAIN = ("CI", "NO_COLOR", "_TIERCEL_COMPLETE")
"""Where one of these is set, nothing is written that a later word would have to take away."""


class _Sign:
    """A line that is written again and again by a thread of its own."""

    def __init__(self) -> None:
        self._shows = False
        self._over = threading.Event()
        self._writing = threading.Lock()

    def begin(self, what: str) -> None:
        self._shows = True
        threading.Thread(target=self._show, args=(what, time.monotonic()), daemon=True).start()

    def end(self) -> None:
        if self._shows:
            with self._writing:
                self._shows = False
                _write(_CLEAR)
            self._over.set()

    def _show(self, what: str, began: float) -> None:
        while not self._over.is_set():
            with self._writing:
                if self._shows:
                    seconds = time.monotonic() - began
                    clock = f"  {seconds:.0f} s" if seconds >= 1 else ""
                    _write(_CLEAR + f"{what} ...{clock}".encode())
            self._over.wait(_EACH_SECONDS)


_SIGN = _Sign()


def begin(arguments: Sequence[str]) -> None:
    """Show it until `end`, if a person may look on who wants progress to be shown."""
    if _is_watched() and not {"--quiet", "-q", "--help"} & set(arguments):
        words = [one for one in arguments[:2] if one.isascii() and one.isprintable()]
        _SIGN.begin(" ".join(["tiercel", *words])[:_LONGEST])


def end() -> None:
    """Take it away, before the first word or at the end."""
    _SIGN.end()


def _is_watched() -> bool:
    told = any(os.environ.get(name) for name in _PLAIN)
    seen = sys.stderr is not None and sys.stderr.isatty()  # None if the process got none
    return not told and os.environ.get("TERM", "dumb") != "dumb" and seen


def _write(data: bytes) -> None:
    # A terminal that is closed meanwhile ends nothing.
    try:
        os.write(_STDERR, data)
    except OSError:
        return
