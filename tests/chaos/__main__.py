"""The scoreboard: every row, printed, written to docs/reliability.json and docs/reliability.md.

    python -m tests.chaos [--row KEY]... [--sample] [--seed N]

A row is written as soon as it has been run, unless only a sample of it was.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from cli.session import leave_the_world, quiet_prefect


def main() -> int:
    """Return 0 if every row meets its target."""
    options = _options()
    leave_the_world()
    quiet_prefect()  # before Prefect is imported, which all below do
    from tests.chaos.frame import Size, run
    from tests.chaos.report import keep, show
    from tests.chaos.rows import ROWS
    from tests.chaos.setting import setting

    rows = [row for row in ROWS if not options.row or row.key in options.row]
    size, scores = Size(full=not options.sample, seed=options.seed), []
    with (
        tempfile.TemporaryDirectory(prefix="tiercel-chaos-") as folder,
        setting(Path(folder)) as world,
    ):
        for row in rows:
            _say(f"{row.key}: {row.title}")
            scores.append(run(row, world, size, _say))
            _say(f"  {scores[-1].held} of {scores[-1].asked}, {scores[-1].seconds:.0f} s")
            if size.full:
                keep(scores[-1], ROWS)
    show(scores)
    return 0 if all(score.met for score in scores) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--row", action="append", help="only this row; may be repeated")
    parser.add_argument("--sample", action="store_true", help="the part that `make test` runs")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
