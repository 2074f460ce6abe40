"""The hook for commit messages: none has a path of the machine that it was written on.

    python -m tests.support.commit_message FILE

Nobody else can look there, and it tells who wrote it where.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_OF_A_MACHINE = re.compile(
    r"""(?<![\w.-])(?:file://)?(?:
        /(?:home|Users|mnt|media|tmp|var/tmp|var/folders|private|work|workspaces?|builds)/[^\s'"`,;:)\]}>]+
      | /root(?:/[^\s'"`,;:)\]}>]*)?(?![\w-])
      | ~\w*/[^\s'"`,;:)\]}>]+
      | [A-Za-z]:\\[^\s'"`]+
    )""",
    re.VERBOSE,
)
_SCISSORS = re.compile(r"^# -+ >8 -+$", re.MULTILINE)


def machine_paths(message: str) -> list[str]:
    """Return the paths of somebody's machine in a message, but for what git itself leaves out."""
    written = _SCISSORS.split(message)[0]
    lines = [line for line in written.splitlines() if not line.startswith("#")]
    return [found[0] for line in lines for found in _OF_A_MACHINE.finditer(line)]


def main() -> int:
    """Return 1 and say why if the message in the file that is named has such a path."""
    found = machine_paths(Path(sys.argv[1]).read_text("utf-8"))
    for path in found:
        sys.stderr.write(f"a path of a machine in the commit message: {path}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
