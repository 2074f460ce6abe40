"""The scoreboard: every row, printed, written to docs/understand: reliability.json and .md.

    python -m tests.chaos [--row KEY] [--sample] [--seed N]

Without `--row` every row is run, in a process and a world of its own, two at a time. A row is
written as soon as it has been run, unless only a sample of it was.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tiercel.cli.terminal.session import leave_the_world, quiet_prefect

_AT_ONCE = 2
_MISSED = 1


def main() -> int:
    """Return 0 if what was run meets its target."""
    options = _options()
    return _one(options) if options.row else _all(options)


def _all(options: argparse.Namespace) -> int:
    from tests.chaos.report import kept, show
    from tests.chaos.rows import ROWS

    lanes = ThreadPoolExecutor(_AT_ONCE)
    try:
        codes = list(lanes.map(partial(_in_a_process, options), [row.key for row in ROWS]))
    finally:
        lanes.shutdown(cancel_futures=True)  # who interrupts it does not want the other rows
    if not options.sample:
        show(kept().values())
    return max(codes)


def _in_a_process(options: argparse.Namespace, key: str) -> int:
    """Run a row; what it says is said as soon as it says it."""
    arguments = [sys.executable, "-m", "tests.chaos", "--row", key, "--seed", str(options.seed)]
    return subprocess.run(
        [*arguments, "--sample"] if options.sample else arguments, check=False
    ).returncode


def _one(options: argparse.Namespace) -> int:
    leave_the_world()
    quiet_prefect()  # before Prefect is imported, which all below do
    from tests.chaos.frame import Size, run
    from tests.chaos.report import keep
    from tests.chaos.rows import ROWS
    from tests.chaos.setting import setting

    (row,) = [row for row in ROWS if row.key == options.row]
    size = Size(full=not options.sample, seed=options.seed)
    _say(f"{row.key}: {row.title}")
    with (
        tempfile.TemporaryDirectory(prefix="tiercel-chaos-") as folder,
        setting(Path(folder)) as world,
    ):
        score = run(row, world, size, _say)
    word = "met" if score.met else "MISSED"
    _say(f"{row.key}: {word}, {score.held} of {score.asked} held, {score.seconds:.0f} s")
    if size.full:
        keep(score, ROWS)
    return 0 if score.met else _MISSED


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--row", help="only this row")
    parser.add_argument("--sample", action="store_true", help="the part that `make test` runs")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
