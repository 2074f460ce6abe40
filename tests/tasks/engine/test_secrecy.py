from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it"),
]

SCRIPT = """
import ctypes, os
from tiercel.tasks.engine.secrecy import make_unreadable
make_unreadable()
if os.fork() == 0:
    os._exit(10 + ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
_, status = os.wait()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), os.waitstatus_to_exitcode(status))
"""


def test_a_process_and_its_forks_are_unreadable() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "10"]
