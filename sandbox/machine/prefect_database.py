"""A new database of the Prefect server, made once and copied from then on.

To migrate an empty database takes longer than everything else that the sandbox starts with.
`python -m tiercel.sandbox.machine.prefect_database`, a part of `make setup`, does it once for each
version of Prefect; without it a server migrates its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

_NAME = "prefect.db"
"""What Prefect calls the database in its home folder."""


def copy_database(home: Path) -> None:
    """Give a PREFECT_HOME that has no database yet the one that was made, if one was."""
    database, made = home / _NAME, _made()
    if made.exists() and not database.exists():
        copy = home / f"{_NAME}.copy"
        shutil.copyfile(made, copy)
        copy.replace(database)


def make_database() -> None:
    """Migrate an empty database and keep it, inside the virtual environment.

    Does nothing when that was done. Raises CalledProcessError when Prefect cannot.
    """
    made = _made()
    if made.exists():
        return
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as home:
        subprocess.run(
            [sys.executable, "-P", "-m", "prefect", "server", "database", "upgrade", "--yes"],
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "PREFECT_HOME": home},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        (Path(home) / _NAME).replace(made)


def _made() -> Path:
    return Path(sys.prefix) / "share" / "tiercel" / f"prefect-{version('prefect')}.db"


if __name__ == "__main__":
    make_database()
