"""What pages are made of: tables, facts, states, moments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tiercel.sandbox.pages.markup import Markup, element, side_by_side

_GOOD = ("success", "completed", "complete", "succeeded", "merged", "approved", "published")
_BAD = ("fail", "error", "rollback", "stopped", "changes_requested", "timed_out", "cancelled")


def section(title: str, *parts: str) -> Markup:
    """Return a part of a page below its heading."""
    return element("section", element("h2", title), *parts)


def html_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], otherwise: str = "none"
) -> Markup:
    """Return a table, or what is said where there are no rows."""
    lines = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    if not lines:
        return element("p", otherwise, class_="quiet")
    names = element("tr", *(element("th", name) for name in head))
    whole = element("table", element("thead", names), element("tbody", *lines))
    return element("div", whole, class_="wide")


def facts(*pairs: tuple[str, str]) -> Markup:
    """Return names and what they are; those without a value are left out."""
    known = [(name, value) for name, value in pairs if value]
    return element("dl", *(side_by_side([element("dt", n), element("dd", v)]) for n, v in known))


def state(text: str) -> Markup:
    """Return the state of a thing, coloured by whether it went well; the word says it, too."""
    lower = text.lower()
    if any(word in lower for word in _BAD):
        kind = "bad"
    else:
        kind = "good" if any(lower.endswith(word) for word in _GOOD) else "open"
    return element("span", text, class_=f"state {kind}")


def written(text: str) -> Markup:
    """Return what somebody wrote, as it was written."""
    return element("pre", text or "(nothing)")


def moment(at: datetime | None) -> str:
    """Return a moment in UTC; empty for none."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""


def code_text(text: str) -> Markup:
    """Return a name that a machine reads."""
    return element("code", text)
