"""What the scoreboard prints and writes."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.report import git, machine
from tests.chaos.frame import Row, Score
from tests.support.commands import ROOT

_RESULTS = Path("docs") / "understand" / "reliability.json"
_PAGE = Path("docs") / "understand" / "reliability.md"
_INTRODUCTION = """\
# Reliability

What happens to a deploy on its worst day, tried out. `make chaos` does everything below on one
machine, against the [sandbox](../try/sandbox.md), and writes this page and
[the same as JSON](reliability.json). Its rows took {minutes} minutes in all; two run at a time.
`python -m tests.chaos --row KEY` runs one row and replaces it here. `make test` runs a sample.

| row | target | held | | run |
|---|---|---|---|---|
"""


def show(results: Iterable[Mapping[str, Any]]) -> None:
    """Print the table, and what did not hold."""
    found = list(results)
    table = Table(box=None)
    for name in ("row", "target", "held", "", "seconds"):
        table.add_column(name, overflow="fold")
    for one in found:
        word = "met" if one["met"] else "MISSED"
        table.add_row(one["title"], one["target"], _share(one), word, f"{one['seconds']:.0f}")
    console = Console(width=110, highlight=False)
    console.print(table)
    for one in found:
        for fault in one["faults"]:
            console.print(f"{one['row']}: {fault}", markup=False)


def kept() -> dict[str, Any]:
    """Return the documents of all rows that were written down, by key."""
    path = ROOT / _RESULTS
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def keep(score: Score, rows: Sequence[Row]) -> None:
    """Write down a row that was run in full, in the JSON and on the page; the others stay."""
    with _alone():
        found = kept()
        found[score.row.key] = score.document() | {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": git("rev-parse", "--short", "HEAD"),
            "changed_since_commit": bool(_changes()),
            "machine": machine(),
        }
        ordered = {row.key: found[row.key] for row in rows if row.key in found}
        (ROOT / _RESULTS).write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")
        (ROOT / _PAGE).write_text(page(ordered, rows), encoding="utf-8")


@contextmanager
def _alone() -> Iterator[None]:
    """Keep out the process of another row, which may end at the same moment."""
    with (Path(__file__)).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _changes() -> str:
    """What git says of changed files, but for those that are written here."""
    others = [f":!{path}" for path in (_RESULTS, _PAGE)]
    return git("status", "--porcelain", "--untracked-files=no", "--", ".", *others)


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
