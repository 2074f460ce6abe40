"""Text from the outside world, made harmless for a log."""

from __future__ import annotations

import re
import unicodedata

_INDENT = "  "


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
