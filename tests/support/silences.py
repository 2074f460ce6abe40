"""How long a command is silent on a terminal: its first word, and the longest waits for the next.

python -m tests.support.silences COMMAND [ARGUMENT]...

By hand: a person should see within 0.3 seconds that a command was heard, and never wait for more
than 2 seconds without a sign. On a machine that is busy with something else, both say little.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise

_SHOWN, _READ, _LONGEST = 5, 65_536, 100
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\s+")


def main(command: Sequence[str]) -> int:
    """Run it on a terminal of its own; print its silences, and return its exit code."""
    terminal, its_end = pty.openpty()
    began = time.monotonic()
    environ = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, stdin=its_end, stdout=its_end, stderr=its_end, env=environ, start_new_session=True
    )
    os.close(its_end)
    said = [(0.0, "it is started")]
    while data := _read(terminal):
        text = _CONTROLS.sub(" ", data.decode(errors="replace")).strip()
        said.append((time.monotonic() - began, text[-_LONGEST:]))
    code = process.wait()
    said.append((time.monotonic() - began, "it has ended"))
    sys.stdout.write(
        f"first sign of life after {said[1][0]:.2f} s, end after {said[-1][0]:.1f} s\n"
    )
    silences = sorted(pairwise(said), key=lambda one: one[0][0] - one[1][0])
    for (since, before), (until, after) in silences[:_SHOWN]:
        sys.stdout.write(f"{until - since:5.2f} s of silence at {since:.1f} s\n")
        sys.stdout.write(f"  after:  {before}\n  before: {after}\n")
    return code


def _read(terminal: int) -> bytes:
    """Return what comes next; nothing when the command has ended, which Linux calls an error."""
    try:
        return os.read(terminal, _READ)
    except OSError:
        return b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
