"""What a benchmark prints and writes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Series, Spread

ROOT = Path(__file__).parents[1]
RESULTS = Path(".tiercel") / "benchmarks"


@dataclass(frozen=True)
class Options:
    """How a benchmark is run; `smoke` is the least that shows that it still works."""

    rounds: int
    json: Path
    smoke: bool


def read_options(benchmark: str, rounds: int, arguments: Sequence[str] | None = None) -> Options:
    """Return what the command line asks for; `rounds` is the default."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{benchmark}")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    parser.add_argument("--json", type=Path, default=RESULTS / f"{benchmark}.json")
    parser.add_argument("--smoke", action="store_true", help="one small round")
    parsed = parser.parse_args(arguments)
    if parsed.rounds < 1:
        parser.error("--rounds has to be 1 or more")
    return Options(1 if parsed.smoke else parsed.rounds, parsed.json, parsed.smoke)


@dataclass
class Report:
    """The results of one benchmark, printed as they come and written at the end."""

    benchmark: str
    options: Options
    series: dict[str, Series] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)
    targets: list[dict[str, object]] = field(default_factory=list)
    details: dict[str, object] = field(default_factory=dict)
    console: Console = field(default_factory=lambda: Console(width=110, highlight=False))

    def say(self, text: str) -> None:
        """Say what is being done."""
        self.console.print(text, style="dim", markup=False)

    def add(self, *series: Series) -> None:
        """Keep and print series."""
        table = Table(box=None)
        for name in ("seconds", "median", "min", "max", "IQR", "CPU", "rounds"):
            table.add_column(name, justify="left" if name == "seconds" else "right")
        for one in series:
            self.series[one.name] = one
            table.add_row(one.name, *_cells(one.seconds), f"{one.cpu_seconds.median:.2f}",
                          str(len(one.samples)))  # fmt: skip
        self.console.print(table)

    def add_ratio(self, name: str, spread: Spread, at_most: float | None = None) -> None:
        """Keep and print a ratio, and whether it keeps to a limit."""
        self.ratios[name] = spread
        self.console.print(
            f"{name}: {spread.median:.2f} ({spread.least:.2f} to {spread.most:.2f})", markup=False
        )
        if at_most is not None:
            self.judge(name, spread.median, at_most)

    def judge(self, name: str, measured: float, at_most: float) -> None:
        """Compare a figure with its target; a missed one is no failure of the program."""
        met = measured <= at_most
        self.targets.append(
            {"name": name, "measured": round(measured, 4), "at_most": at_most, "met": met}
        )
        word = "met" if met else "MISSED"
        self.console.print(
            f"  target {word}: {name}: {measured:.3f}, at most {at_most:g}", markup=False
        )

    def write(self) -> None:
        """Write everything as JSON."""
        document = {
            "benchmark": self.benchmark,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "smoke": self.options.smoke,
            "commit": git("rev-parse", "HEAD"),
            "changed_since_commit": bool(git("status", "--porcelain", "--untracked-files=no")),
            "machine": machine(),
            "targets": self.targets,
            "ratios": {name: spread.document() for name, spread in self.ratios.items()},
            "series": {name: series.document() for name, series in self.series.items()},
            "details": self.details,
        }
        self.options.json.parent.mkdir(parents=True, exist_ok=True)
        self.options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        self.say(f"written to {self.options.json}")


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def _cells(spread: Spread) -> list[str]:
    return [
        f"{value:.2f}" for value in (spread.median, spread.least, spread.most, spread.quartiles)
    ]


def git(*arguments: str) -> str:
    """Return what git says of this checkout; an empty text where there is none."""
    found = subprocess.run(
        ["git", *arguments],  # noqa: S607 - the user's own git
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() if found.returncode == 0 else ""
