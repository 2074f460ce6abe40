"""HTML of which every part is either our own or escaped."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

_LONGEST = 100_000
_HOST = re.compile(r"[A-Za-z0-9.:_-]+")


class Markup(str):
    """Text that is HTML already; any other text is escaped when it becomes part of it."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str) -> Markup:
    """Return an element; `class_` is its class, and no child is HTML unless it is Markup."""
    named = "".join(
        f' {name.rstrip("_")}="{html.escape(readable(value))}"'
        for name, value in attributes.items()
    )
    return Markup(f"<{tag}{named}>{side_by_side(children)}</{tag}>")


def side_by_side(parts: Iterable[str]) -> Markup:
    """Return parts one after the other."""
    return Markup("".join(map(_escaped, parts)))


def link(text: str, address: str) -> Markup:
    """Return a link; an address that is none of a page is only shown as text."""
    return element("a", text, href=address) if _leads_somewhere(address) else side_by_side([text])


def readable(text: str) -> str:
    """Return text in which nothing is hidden, and no more of it than a page bears.

    Characters that only control, such as those that turn the direction of writing, are replaced.
    """
    seen = "".join(
        letter if letter in "\n\t" or not unicodedata.category(letter).startswith("C") else "\ufffd"
        for letter in text[:_LONGEST].replace("\r\n", "\n")
    )
    return seen if len(text) <= _LONGEST else f"{seen}\n… {len(text) - _LONGEST} more characters"


def _escaped(part: str) -> str:
    return part if isinstance(part, Markup) else html.escape(readable(part))


def _leads_somewhere(address: str) -> bool:
    if address.startswith("/") and not address.startswith("//"):
        return True
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.hostname or ""))
