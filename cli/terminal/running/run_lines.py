"""What a run says while it runs: on a terminal a line a service, which changes in place."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from types import TracebackType

from rich.console import Group
from rich.live import Live
from rich.text import Text

from tiercel.cli.terminal.output import Output
from tiercel.domain.base.text import printable
from tiercel.domain.stack.run_log import is_detail, subject_of

_NOISE = (
    "Beginning flow run",
    "Created ",
    "Downloading flow code",
    "Finished in state",
    "Flow run '",
    "View at",
    "Worker '",
)
_TURNS = "|/-\\"
_TURNS_A_SECOND = 5
_LONGEST = 400
_BESIDE = 2
"""Lines of a terminal that the clock and the cursor take."""


def is_noise(message: str) -> bool:
    """Tell whether a line of a run's log is a remark of Prefect's own."""
    return message.startswith(_NOISE)


@dataclass(frozen=True)
class _Line:
    """A line of a run's log, with the seconds from its beginning; of no service if it is whole."""

    seconds: float
    text: str
    is_whole: bool

    @property
    def clock(self) -> str:
        return f"{self.seconds:6.1f} s  "

    def show(self, output: Output) -> None:
        if not self.is_whole:
            output.short_line(self.text, before=self.clock)
            return
        first, *more = self.text.splitlines() or [""]
        output.line(first, before=self.clock)
        for one in more:
            output.line(one, before=" " * (len(self.clock) + len(one) - len(one.lstrip())))


class RunLines:
    """Inside `with`, what a run says is shown as far as a person needs it.

    On a terminal each service has one line, with the last that was said of it; elsewhere a line
    is printed when something is decided. A warning, and what is of no service, is shown whole.
    With `--verbose` all of it is. Any thread may `say` something.
    """

    def __init__(self, output: Output) -> None:
        """Show nothing yet."""
        self._output = output
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}
        self._decided: dict[str, _Line] = {}
        self._live: Live | None = None

    def __enter__(self) -> RunLines:
        """Begin to show that something runs, where that can be."""
        if self._output.changes_in_place:
            self._live = self._output.live(self)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave what was decided last of each service, in the order in which it was said.

        How something went on is left where nothing was decided: where that ends is chance.
        """
        if self._live:
            self._live.stop()
            left = self._lines | self._decided
            for line in sorted(left.values(), key=lambda line: line.seconds):
                line.show(self._output)

    def __rich__(self) -> Group:
        """Return how it looks at this moment: the newest lines that a terminal has room for."""
        passed = time.monotonic() - self._began
        turn = _TURNS[int(passed * _TURNS_A_SECOND) % len(_TURNS)]
        with self._lock:
            known = list(self._lines.values())
        newest = sorted(known, key=lambda line: line.seconds)[-(self._output.height - _BESIDE) :]
        lines = [one.clock + printable(one.text, _LONGEST) for one in known if one in newest]
        lines.append(f"{passed:6.1f} s  {turn}")
        return Group(*(Text(one, no_wrap=True, overflow="ellipsis") for one in lines))

    def say(self, seconds: float, message: str, level: int) -> None:
        """Show a line of the run's log, that was written so many seconds after its beginning.

        What a run fails with is not shown: the command shows it when the run has ended.
        """
        if level >= logging.ERROR or is_noise(message):
            return
        subject = subject_of(message)
        whole = self._output.verbose or level >= logging.WARNING or not subject
        line = _Line(seconds, message, whole)
        decided = whole or not is_detail(message)
        if self._live:
            about = message if whole else subject
            with self._lock:
                self._lines[about] = line
                if decided:
                    self._decided[about] = line
        elif decided:
            line.show(self._output)
