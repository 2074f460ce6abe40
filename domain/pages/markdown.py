"""Text from the outside world, made harmless for Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tiercel.domain.base.text import printable

# The second line is what GitHub and Prefect make a link of by themselves.
_SPECIAL = re.compile(
    r"([\\`*_{}\[\]()<>#+!|~$=-]"
    r"|:(?=//)|(?<=www)\.)",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\\#|\bgh\\-(?=[0-9])", re.IGNORECASE)
_LONGEST_CELL = 300
_T = TypeVar("_T")


def escaped(text: str, limit: int = _LONGEST_CELL) -> str:
    """Return one line in which no character means anything to Markdown or HTML.

    A word joiner, which is invisible, follows every `@`, `#` and `GH-`: GitHub would notify
    whoever has the name, or link the mail address, the issue or the pull request, and show the
    reference there, however it is escaped.
    """
    line = _SPECIAL.sub(r"\\\1", printable(text, limit))
    line = re.sub(r"^([0-9]+)\.", r"\1\\.", line)
    line = _REFERENCE.sub("\\g<0>\u2060", line.replace("&", "&amp;"))
    return line.replace("@", "@\u2060")


def code(text: str) -> str:
    """Return a short text as code; back-ticks and bars are dropped."""
    return "`" + (re.sub(r"[`|]", "", printable(text, _LONGEST_CELL)) or " ") + "`"


def code_block(text: str, limit: int = 4_000) -> str:
    """Return lines as a block of code that its own text cannot end."""
    safe = "".join(c for c in text[:limit] if c.isprintable() or c == "\n")
    return "````text\n" + safe.replace("````", "' ' ' '") + "\n````"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells are escaped already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bounded_table(
    room: int, header: Sequence[str], rows: Iterable[Sequence[str]], number: int
) -> str:
    """Return a table of the rows that have room, and say how many of `number` have none."""
    shown = fitting(rows, room, lambda row: sum(len(cell) + 3 for cell in row))
    left = number - len(shown)
    return table(header, shown) + (f"\n\nand {left} more" if left else "")


def fitting(items: Iterable[_T], room: int, length: Callable[[_T], int]) -> list[_T]:
    """Return the first items that together are not longer than the room."""
    shown: list[_T] = []
    for item in items:
        room -= length(item)
        if room < 0:
            break
        shown.append(item)
    return shown
