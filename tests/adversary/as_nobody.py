"""Plays all attacks that are a part of the suite, as whoever runs this; prints those that go wrong.

python -m tests.adversary.as_nobody FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.adversary.attacks import ATTACKS
from tests.adversary.frame import Attack
from tiercel.tasks.engine.secrecy import make_unreadable


def main() -> int:
    """Return how many attacks went wrong; a worker is as unreadable as this process."""
    make_unreadable()
    folder = Path(sys.argv[1])
    wrong = [one.name for at, one in enumerate(ATTACKS) if not _holds(one, folder / str(at))]
    sys.stdout.write("".join(f"{name}\n" for name in wrong))
    return len(wrong)


def _holds(attack: Attack[Path], folder: Path) -> bool:
    """Whether it has no effect, and has one without its protection; or cannot be played."""
    if not attack.sampled or attack.impossible():
        return True
    for name in ("held", "free"):
        (folder / name).mkdir(parents=True)
    held = not attack.deed(folder / "held")
    with attack.unprotected():
        return attack.deed(folder / "free") and held


if __name__ == "__main__":
    sys.exit(main())
