"""What the gates of a promotion say, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.gates.results import GateResult
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.markdown import code, escaped, table


def gates_page(environment: str, commit: str, results: Iterable[GateResult]) -> str:
    """Return one table of all gates; texts of people are escaped."""
    rows = [
        (escaped(one.gate), f"**{one.words}**", escaped(one.reason), escaped(one.remedy))
        for one in results
    ]
    header = ("gate", "says", "because", "what to do")
    return page(f"Gates of {environment}", f"Commit {code(commit)}", table(header, rows))
