"""Text that is legal and readable wherever it is used, whatever it was made from."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata


def fingerprint(text: str) -> str:
    """Return 12 of a-z and 2-7: 60 bits of the text's SHA-256, for names."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode().lower()[:12]


def slug(text: str, limit: int) -> str:
    """Return what is left of a text in a-z, 0-9 and single inner hyphens.

    At most `limit` characters; empty when the text has no such character.
    """
    plain = unicodedata.normalize("NFKD", text).lower()
    unaccented = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "-", unaccented).strip("-")[:limit].rstrip("-")


def legal_text(parts: tuple[str | int, ...], illegal: str, least: int, most: int) -> str:
    """Return the parts, joined by hyphens, in `least` to `most` characters, none of them illegal.

    A text that is legal stays as it is; any other is cleaned and ends in a fingerprint, so that
    two texts never become the same.
    """
    text = "-".join(str(part) for part in parts)
    if least <= len(text) <= most and not re.search(illegal, text):
        return text
    tail = fingerprint(text)
    readable = re.sub(illegal, "-", text).strip("-")[: most - len(tail) - 1]
    return f"{readable}-{tail}" if readable else tail


def printable(text: str, limit: int) -> str:
    """Return one line of at most `limit` characters that shows what it contains.

    Control, format and unassigned characters go: they can reorder text or hide it
    (bidirectional controls, zero-width spaces). White space becomes one space.
    """
    visible = "".join(
        " " if letter.isspace() else letter
        for letter in unicodedata.normalize("NFC", text)
        if letter.isspace() or not unicodedata.category(letter).startswith("C")
    )
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
