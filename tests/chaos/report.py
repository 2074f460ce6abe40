"""What the scoreboard prints and writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.report import git, machine
from tests.chaos.frame import Row, Score
from tests.support.commands import ROOT

_RESULTS = Path("docs") / "reliability.json"
_PAGE = Path("docs") / "reliability.md"
_INTRODUCTION = """\
# Reliability

What happens to a deploy on its worst day, tried out. `make chaos` does everything below on one
machine, against the [sandbox](sandbox.md), and writes this page and
[the same as JSON](reliability.json). The rows that were measured took {minutes} minutes.
`python -m tests.chaos --row KEY` runs one row and replaces it here. `make test` runs a sample.

| row | target | held | | run |
|---|---|---|---|---|
"""


def show(scores: Sequence[Score]) -> None:
    """Print the table, and what did not hold."""
    table = Table(box=None)
    for name in ("row", "target", "held", "", "seconds"):
        table.add_column(name, overflow="fold")
    for score in scores:
        table.add_row(
            score.row.title,
            score.row.target,
            _share(score.document()),
            "met" if score.met else "MISSED",
            f"{score.seconds:.0f}",
        )
    console = Console(width=110, highlight=False)
    console.print(table)
    for score in scores:
        for fault in score.faults:
            console.print(f"{score.row.key}: {fault}", markup=False)


def keep(score: Score, rows: Sequence[Row]) -> None:
    """Write down a row that was run in full, in the JSON and on the page; the others stay."""
    found = json.loads((ROOT / _RESULTS).read_text("utf-8")) if (ROOT / _RESULTS).exists() else {}
    found[score.row.key] = score.document() | {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "--short", "HEAD"),
        "changed_since_commit": bool(git("status", "--porcelain", "--untracked-files=no")),
        "machine": machine(),
    }
    ordered = {row.key: found[row.key] for row in rows if row.key in found}
    (ROOT / _RESULTS).write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")
    (ROOT / _PAGE).write_text(page(ordered, rows), encoding="utf-8")


def page(found: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the page for people: each row with what was measured last."""
    lines = [_line(row, found.get(row.key)) for row in rows]
    sections = [_section(row, found.get(row.key)) for row in rows]
    seconds = sum(one["seconds"] for one in found.values())
    return _INTRODUCTION.format(minutes=round(seconds / 60)) + "".join([*lines, *sections])


def _line(row: Row, result: Mapping[str, Any] | None) -> str:
    told = "not measured yet | | |"
    if result:
        word = "met" if result["met"] else "**MISSED**"
        told = f"{_share(result)} | {word} | {result['date'][:10]}, `{result['commit']}` |"
    return f"| [{row.title}](#{row.key}) | {row.target} | {told}\n"


def _section(row: Row, result: Mapping[str, Any] | None) -> str:
    text = f"\n## {row.key}\n\n{row.measured}\n\nNot shown: {row.not_shown}\n"
    if result is None:
        return text
    cores = result["machine"]["cores"]
    text += f"\nHeld: {_share(result)}, in {result['seconds']:.0f} seconds on {cores} cores.\n"
    faults = "".join(f"\n- {fault.splitlines()[0]}" for fault in result["faults"])
    return text + (f"\nWhat did not hold:\n{faults}\n" if faults else "")


def _share(result: Mapping[str, Any]) -> str:
    return f"{result['held']:,} of {result['asked']:,}"
