"""Text from the outside world, made harmless for Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tiercel.domain.base.text import printable

# The second line is what GitHub and Prefect make a link of by themselves.
_SPECIAL = re.compile(
    r"([\\`*_{}\[\]()<>#+!|~$=-]"
    r"|:(?=//)|(?<=www)\.)",
    re.IGNORECASE,
)
_LONGEST_CELL = 300


def escaped(text: str, limit: int = _LONGEST_CELL) -> str:
    """Return one line in which no character means anything to Markdown or HTML.

    A word joiner, which is invisible, follows every `@`: GitHub would notify whoever has
    the name, or link the mail address, however it is escaped.
    """
    line = _SPECIAL.sub(r"\\\1", printable(text, limit))
    line = re.sub(r"^([0-9]+)\.", r"\1\\.", line)
    return line.replace("&", "&amp;").replace("@", "@\u2060")


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
