"""The page of a failure: what failed, where, why, how things stand, what to do."""

from __future__ import annotations

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import code_block, escaped

_LONGEST_TEXT = 4_000
_TITLES = {"where": "Where", "why": "Why", "now": "How things stand", "do": "What to do"}


def failure_page(error: TiercelError) -> str:
    """Return what failed, where, why, how things stand and what to do."""
    parts = {name: text for name, text in error.parts().items() if name in _TITLES}
    sections = [
        f"## {_TITLES[name]}\n\n"
        + (code_block(text) if name == "why" else escaped(text, _LONGEST_TEXT))
        for name, text in parts.items()
    ]
    return page(escaped(error.what), *sections)
