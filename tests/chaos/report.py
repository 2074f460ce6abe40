"""What the scoreboard prints and writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.report import git, machine
from tests.chaos.frame import Score
from tests.support.commands import ROOT

_RESULTS = Path(".tiercel") / "chaos.json"
_PAGE = Path("docs") / "reliability.md"
_INTRODUCTION = """\
# Reliability

What happens to a deploy on its worst day, tried out. `make chaos` does everything below on one
machine, against the [sandbox](sandbox.md), and writes this page. `make test` runs a sample of it.

{run}

| row | target | held | |
|---|---|---|---|
"""


def show(scores: Sequence[Score]) -> None:
    """Print the table, and what did not hold."""
    table = Table(box=None)
    for name in ("row", "target", "held", "", "seconds"):
        table.add_column(name, overflow="fold")
    for score in scores:
        table.add_row(
            score.row.title, score.row.target, _share(score), _word(score), f"{score.seconds:.0f}"
        )
    console = Console(width=110, highlight=False)
    console.print(table)
    for score in scores:
        for fault in score.faults:
            console.print(f"{score.row.key}: {fault}", markup=False)


def write(scores: Sequence[Score], seconds: float) -> None:
    """Write JSON for programs, and the page for people."""
    now = datetime.now(UTC)
    document = {
        "date": now.isoformat(timespec="seconds"),
        "commit": git("rev-parse", "HEAD"),
        "changed_since_commit": bool(git("status", "--porcelain", "--untracked-files=no")),
        "machine": machine(),
        "seconds": round(seconds),
        "rows": [score.document() for score in scores],
    }
    results = ROOT / _RESULTS
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (ROOT / _PAGE).write_text(_page(scores, now, seconds), encoding="utf-8")


def _page(scores: Sequence[Score], now: datetime, seconds: float) -> str:
    rows = [
        f"| [{score.row.title}](#{score.row.key}) | {score.row.target} | {_share(score)} "
        f"| {_word(score)} |"
        for score in scores
    ]
    commit, minutes = git("rev-parse", "--short", "HEAD"), seconds / 60
    done = any(score.asked for score in scores)
    run = (
        f"{now.date().isoformat()}, commit `{commit}`, {minutes:.0f} minutes on "
        f"{machine()['cores']} cores."
        if done
        else "Not measured yet."
    )
    text = _INTRODUCTION.format(run=run)
    return text + "\n".join(rows) + "\n" + "".join(map(_section, scores))


def _section(score: Score) -> str:
    row = score.row
    faults = "".join(f"\n- {fault.splitlines()[0]}" for fault in score.faults)
    return (
        f"\n## {row.key}\n\n{row.measured}\n\nNot shown: {row.not_shown}\n\n"
        f"Held: {_share(score)}, in {score.seconds:.0f} seconds.\n"
        + (f"\nWhat did not hold:\n{faults}\n" if faults else "")
    )


def _share(score: Score) -> str:
    return f"{score.held:,} of {score.asked:,}"


def _word(score: Score) -> str:
    if not score.asked:
        return "not measured yet"
    return "met" if score.met else "MISSED"
