"""What a person sees on the terminal, and what a machine reads from it."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape, render
from rich.panel import Panel
from rich.status import Status
from rich.table import Table
from rich.text import Text

from tiercel.cli.documents.kinds import FAILURE, document_of
from tiercel.cli.terminal.tables import drawn, fitted
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.failure import REMEDY, Failure
from tiercel.domain.base.text import printable

_LONGEST_LINE = 400
_LOG_WIDTH = 140
_NARROWEST = 20


class Output:
    """Results go to standard output, progress and errors to standard error.

    With `as_json`, standard output gets exactly one JSON document.
    """

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, verbose: bool = False
    ) -> None:
        """Decide once where everything goes."""
        self.as_json = as_json
        self.verbose = verbose
        self._quiet = quiet
        self._progress = _console(stderr=True)
        self._results = _console(stderr=as_json)

    def of_a_step_before(self) -> Output:
        """Return where a step puts its words before the one whose document is the command's."""
        output = Output(quiet=self._quiet, verbose=self.verbose)
        output._results = self._results
        return output

    def waiting(self, text: str) -> Status:
        """Return a spinner for a wait, to be used in `with`; it is seen where a person looks on."""
        watched = self._progress.is_interactive and not self._quiet
        console = self._progress if watched else Console(quiet=True)
        return console.status(escape(text))

    @property
    def changes_in_place(self) -> bool:
        """Whether progress can be lines that change: a person looks on, and wants no more."""
        return self._progress.is_interactive and not self._quiet and not self.verbose

    @property
    def width(self) -> int:
        """How many columns the results have."""
        return self._results.width

    @property
    def height(self) -> int:
        """How many lines a terminal has for progress: three at least."""
        return max(3, self._progress.height)

    def live(self, picture: RenderableType) -> Live:
        """Return a part of the terminal that is drawn again until it stops, and is gone then."""
        return Live(picture, console=self._progress, refresh_per_second=5, transient=True)

    def draw(self, picture: RenderableType) -> None:
        """Print a picture among the results."""
        self._results.print(picture)

    def step(self, text: str) -> None:
        """Begin a part of the work that a person may want to find again."""
        if not self._quiet:
            self._progress.rule(f"[bold]{escape(text)}", align="left", style="dim")

    def line(self, text: str, *, before: str = "") -> None:
        """Say one thing that happened; the text may come from the outside world."""
        if not self._quiet:
            _print(self._progress, escape(printable(text, _LONGEST_LINE)), before)

    def short_line(self, text: str, *, before: str = "") -> None:
        """Say one thing in one line, cut where a terminal is narrower; a file has it whole."""
        if not self._quiet:
            shown = Text(before + printable(text, _LONGEST_LINE))
            if self._progress.file.isatty():
                self._progress.print(shown, no_wrap=True, overflow="ellipsis")
            else:
                self._progress.print(shown, soft_wrap=True)

    def done(self, text: str) -> None:
        """Say one thing that succeeded."""
        if not self._quiet:
            _print(self._progress, escape(text), "[green]✓[/] ")

    def table(
        self,
        title: str,
        header: Sequence[str],
        rows: Iterable[Sequence[str]],
        least: Sequence[str] = (),
    ) -> None:
        """Print a table of results. Columns of `least` go, in that order, where it is too wide."""
        cells = [[printable(cell, _LONGEST_LINE) for cell in row] for row in rows]
        fit = fitted(header, cells, self._results.width, least)
        self._results.print(drawn(printable(title, _LONGEST_LINE), header, cells, fit))
        if fit.left_out:
            told = f"too narrow for {', '.join(fit.left_out)}: see --json, or a wider terminal"
            self._results.print(f"[dim]({told})[/]", soft_wrap=True)

    def fits(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
        """Whether a table would show each cell whole."""
        fit = fitted(header, [list(row) for row in rows], self._results.width, ())
        return fit.is_whole

    def result(self, text: str, *, before: str = "") -> None:
        """Print a line of the result."""
        _print(self._results, escape(text), before)

    def document(self, kind: str, data: object, error: TiercelError | None = None) -> None:
        """Print the JSON document, if one was asked for: of a kind that has a schema."""
        if self.as_json:
            failure = error.failure.document() if error else None
            document = document_of(kind, data, failure)
            sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")

    def error_note(self, error: TiercelError) -> None:
        """Say beside a result what could not be had; the JSON document has it already."""
        if not self.as_json:
            self._progress.print(error_panel(error))

    def error(self, error: TiercelError) -> None:
        """Print what failed, where, why, the state now and what to do."""
        if self.as_json:
            self.document(FAILURE, None, error)
            return
        self._progress.print(error_panel(error))


def _print(console: Console, text: str, before: str = "") -> None:
    """Print a line; a terminal gets it in lines that end between words, which are never broken.

    What follows the first of them stands below its text. In a file a line stays one, also where
    colours are forced into it.
    """
    lines, below = [text], cell_len(render(before).plain)
    if console.file.isatty():
        width = max(_NARROWEST, console.width - below)
        lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines or [""]):
        start = before if number == 0 else " " * below
        console.print(start + line, soft_wrap=True)


def _console(*, stderr: bool) -> Console:
    """A terminal has its own width; a log file gets one in which tables stay readable.

    Without a terminal nobody looks on, nor in CI, whatever it says of its terminal. Who wants no
    colours gets text alone.
    """
    environ = os.environ
    stream = sys.stderr if stderr else sys.stdout
    plain = environ.get("NO_COLOR") or (environ.get("CI") and not environ.get("FORCE_COLOR"))
    looked_at = stream.isatty() and not environ.get("CI") and not plain
    console = Console(
        stderr=stderr,
        highlight=False,
        force_interactive=None if looked_at else False,
        color_system=None if plain else "auto",
    )
    if not stream.isatty():
        console.width = _LOG_WIDTH
    return console


def error_panel(error: TiercelError) -> Panel:
    """Return an error as a panel with one line a part, its causes among them."""
    return Panel(
        _grid(error.failure),
        title="failed",
        title_align="left",
        subtitle=error.code,
        subtitle_align="right",
        border_style="red",
    )


def _grid(failure: Failure) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    grid.add_row("", _plain(failure.what))
    parts = failure.parts()
    remedy = parts.pop(REMEDY, "")
    for part, text in parts.items():
        grid.add_row(part.label, _plain(text))
    for cause in failure.details:
        grid.add_row("", _grid(cause))
    if remedy:
        grid.add_row(REMEDY.label, _plain(remedy))
    return grid


def _plain(text: str) -> str:
    return escape("\n".join(printable(line, _LONGEST_LINE) for line in text.splitlines()))
