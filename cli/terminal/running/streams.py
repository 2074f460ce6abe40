"""What the process prints, so that a failure to print it never ends what it does.

The reader of a pipe goes away (`tiercel deploy ... | head`), a disk under a log is full, a
terminal is closed: the lines are dropped, the work goes on and ends with its own exit code.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from tiercel.cli.terminal.running import sign_of_life

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Dropping(io.RawIOBase):
    """A file descriptor; what it does not take is dropped. It is left open."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        with suppress(OSError):
            return os.isatty(self._descriptor)
        return False

    def write(self, data: ReadableBuffer, /) -> int:
        sign_of_life.end()
        left = memoryview(data).cast("B")
        size = len(left)
        with suppress(OSError):
            while left:
                left = left[os.write(self._descriptor, left) :]
        return size


def drop_what_cannot_be_shown() -> None:
    """Let this process, whatever prints in it, go on when nobody takes what it prints.

    Where the process got nothing to read from, it reads an empty file.
    """
    sys.stdout, sys.stderr = _dropping(sys.stdout), _dropping(sys.stderr)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.BytesIO())


def _dropping(stream: TextIO | None) -> TextIO:
    """Return a stream in place of this one, which is None if the process got none.

    A letter that its encoding does not have is shown as an escape. One that is only in memory, as
    a test has it, cannot fail.
    """
    if stream is None:
        return io.TextIOWrapper(io.BytesIO())
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Dropping(descriptor)),
        encoding=stream.encoding,
        errors="backslashreplace" if stream.errors == "strict" else stream.errors,
        line_buffering=True,
    )


@contextmanager
def deaf_to_hangups() -> Iterator[None]:
    """Go on, with all processes that are started meanwhile, when the terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def told_to_end_as_by_a_person() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C is taken.

    Prefect sends the process the signal again once a run's own code has met it: without this, the
    process would end there without a word.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
