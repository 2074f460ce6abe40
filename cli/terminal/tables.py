"""Tables that fit: columns go by importance before a name is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

_BETWEEN = 2
"""Columns that rich puts between two cells: one on each side."""
_NARROWEST = 12
"""What is left of a name that fits nowhere; it is folded."""


@dataclass(frozen=True)
class FittedTable:
    """The columns that are shown, by their places, each with its width, and what is left out."""

    shown: tuple[int, ...]
    widths: tuple[int, ...]
    left_out: tuple[str, ...]
    is_whole: bool
    """Whether no word has to be broken."""


def fitted(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int, least: Sequence[str]
) -> FittedTable:
    """Return which columns fit into a width without breaking a word, and how wide each is.

    Those of `least` go first, in that order, until the others fit. What still does not fit is
    folded, the widest column first.
    """
    words = [_widest(header, rows, column, split=True) for column in range(len(header))]
    cells = [_widest(header, rows, column, split=False) for column in range(len(header))]
    shown = list(range(len(header)))
    left_out = []
    for name in least:
        if _total(words, shown) <= width:
            break
        shown.remove(header.index(name))
        left_out.append(name)
    widths = _shared_out([words[one] for one in shown], [cells[one] for one in shown], width)
    order = tuple(name for name in header if name in left_out)
    is_whole = all(width >= words[one] for width, one in zip(widths, shown, strict=True))
    return FittedTable(tuple(shown), tuple(widths), order, is_whole)


def drawn(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], fit: FittedTable
) -> Table:
    """Return the table as it is printed; its texts may come from the outside world."""
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=None)
    for column, width in zip(fit.shown, fit.widths, strict=True):
        table.add_column(header[column], overflow="fold", width=width)
    for row in rows:
        table.add_row(*(escape(row[column]) for column in fit.shown))
    return table


def _widest(
    header: Sequence[str], rows: Sequence[Sequence[str]], column: int, *, split: bool
) -> int:
    """Return the width of a column's longest cell, or of the longest word in it."""
    texts = (header[column], *(row[column] for row in rows))
    pieces = (piece for text in texts for piece in (text.split() if split else [text]))
    return max((cell_len(piece) for piece in pieces), default=1) or 1


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[one] + _BETWEEN for one in shown)


def _shared_out(words: Sequence[int], cells: Sequence[int], width: int) -> list[int]:
    """Return a width for each column: its longest word at least, where all of these fit.

    What is left goes to the columns that need it, one cell at a time to whoever lacks most.
    """
    widths = list(words)
    room = width - _BETWEEN * len(widths)
    while sum(widths) > room and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    for _ in range(room - sum(widths)):
        lacking = [cell - own for cell, own in zip(cells, widths, strict=True)]
        if max(lacking, default=0) <= 0:
            break
        widths[lacking.index(max(lacking))] += 1
    return widths
