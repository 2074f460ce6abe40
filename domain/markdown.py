"""Text from the outside world, made harmless for Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from domain.names import printable

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~-])")
_LONGEST_CELL = 300


def escaped(text: str) -> str:
    """Return one line in which no character means anything to Markdown or HTML."""
    return _SPECIAL.sub(r"\\\1", printable(text, _LONGEST_CELL)).replace("&", "&amp;")


def code(text: str) -> str:
    """Return a short text as code; back-ticks and bars are dropped."""
    return "`" + re.sub(r"[`|]", "", printable(text, _LONGEST_CELL)) + "`"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells are escaped already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
