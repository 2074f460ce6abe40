"""Text from the outside world, made harmless for a log."""

from __future__ import annotations

import re
import unicodedata

_INDENT = "  "
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TAIL_BYTES = 1024 * 1024


def log_text(text: str) -> str:
    """Return a log's message without control, format and unassigned characters.

    Its lines stay lines, and each after the first is indented: none of them looks like the
    beginning of another message.
    """
    shown = "".join(
        letter
        for letter in re.sub("\r\n|[\r\v\f\x85\u2028\u2029]", "\n", text)
        if letter in "\n\t" or not unicodedata.category(letter).startswith("C")
    )
    first, *more = shown.split("\n")
    indented = (line if line.startswith(_INDENT) else _INDENT + line for line in more)
    return "\n".join([first, *indented])


def last_lines(output: bytes, most: int, longest: int = 500) -> list[str]:
    """Return the end of what a command wrote: its last lines that show something, each cut.

    Characters that could command a terminal are left out.
    """
    text = _COLOURS.sub("", output[-_TAIL_BYTES:].decode(errors="replace")).expandtabs(4)
    visible = "".join(
        letter for letter in text.replace("\r", "\n") if letter.isprintable() or letter == "\n"
    )
    lines = [line.rstrip() for line in visible.split("\n") if line.strip()]
    return [line[:longest] for line in lines[-most:]]
