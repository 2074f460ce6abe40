"""xdist's workers as forks of one process that has imported all that is tested.

Each worker would import Prefect, botocore and 270 modules of tests, for ten seconds of a processor,
and on a fresh clone all would compile the same modules at the same time. xdist starts a worker by
a command and speaks through its input and output; here the command hands both of them to a process
that has imported everything, and waits until the fork has ended that speaks in its place.

Run as `python -m tests.support.forked_workers LISTENER FOLDER ARGUMENTS` it is that process: it
collects what pytest would with these arguments, and ends when its input does.
"""

from __future__ import annotations

import gc
import os
import select
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).parents[2]
POSSIBLE = hasattr(os, "pidfd_open")
"""Only Linux has it: https://docs.python.org/3/library/os.html#os.pidfd_open."""
COMMANDS = b"commands"
"""What a worker says to the process that it is a fork of, to get a fork server of its own."""
_COMMAND = """
import os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect(sys.argv[1])
    socket.send_fds(server, [b"worker"], [0, 1, 2])
    os.close(0)
    os.close(1)
    server.recv(1)
"""
_BOOTSTRAP = "import sys;exec(eval(sys.stdin.readline()))"
"""What execnet has a Python do that it starts."""
_NOT_MISSED = "dynamodb-ttl-reaper"
"""A thread that the emulator starts when it is imported: it looks for old items once a minute."""


class ForkedWorkers:
    """A plugin of the session that starts workers."""

    def __init__(self) -> None:
        self._end = ExitStack()

    @pytest.hookimpl
    def pytest_xdist_setupnodes(self, config: pytest.Config, specs: Sequence[Any]) -> None:
        """Have the workers of this machine started by the command above."""
        folder = Path(self._end.enter_context(tempfile.TemporaryDirectory(prefix="workers-")))
        (folder / "command.py").write_text(_COMMAND)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(folder / "socket"))
            listener.listen()
            server = subprocess.Popen(
                [sys.executable, "-u", "-m", "tests.support.forked_workers",
                 str(listener.fileno()), str(config.invocation_params.dir), *config.args],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )  # fmt: skip
        self._end.callback(server.communicate)
        words = [sys.executable, "-I", "-S", str(folder / "command.py"), str(folder / "socket")]
        for spec in specs:
            if spec.popen:
                spec.python = shlex.join(words)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Let the process end that the workers were forks of."""
        self._end.close()


class _Collection:
    """A plugin that remembers whether everything could be imported."""

    def __init__(self) -> None:
        self.whole = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that could not stays imported, half as it is, and would have no tests."""
        self.whole = self.whole and report.passed


def serve(listener: socket.socket, *, whole: bool) -> None:
    """Fork what each connection asks for, until nobody holds the other end of the input."""
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready = select.select([sys.stdin, listener, *running], [], [])[0]
        if sys.stdin in ready:
            return
        for ended in running.keys() & ready:
            process, command = running.pop(ended)
            os.waitpid(process, 0)
            os.close(ended)
            command.close()
        if listener in ready:
            command, _ = listener.accept()
            asked, files, _, _ = socket.recv_fds(command, len(COMMANDS), 3)
            process = os.fork()
            if process == 0:
                address = listener.getsockname()
                for one in (listener, *(other for _, other in running.values())):
                    one.close()
                if asked == COMMANDS:
                    _serve_commands(command)
                command.close()
                _be_worker(files, address if whole else "")
            for file in files:
                os.close(file)
            running[os.pidfd_open(process)] = process, command


def _serve_commands(asked_by: socket.socket) -> NoReturn:
    """Be the fork server of a worker, for which nothing has to be imported any more."""
    from tests.support import fork_server

    os.setsid()
    sys.modules["__main__"] = fork_server  # a command's own children import what is named here
    fork_server.prepare()
    fork_server.serve(asked_by)
    sys.exit()


def _be_worker(files: Sequence[int], address: str) -> NoReturn:
    """Be what execnet wanted to start, with the input and the outputs of its command.

    Without an address it imports everything anew, and tells what it cannot.
    """
    from tests.support import forks

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if not address:
        os.execv(sys.executable, [sys.executable, "-u", "-c", _BOOTSTRAP])  # noqa: S606 - no shell
    forks.ORIGIN.append(address)
    sys.argv = ["-c"]
    sys.modules["__main__"] = main = ModuleType("__main__")
    exec(_BOOTSTRAP, main.__dict__)  # noqa: S102 - it comes from the pytest that was started
    sys.exit()


if __name__ == "__main__":
    descriptor, folder, *arguments = sys.argv[1:]
    os.chdir(folder)
    collection = _Collection()
    code = pytest.main(["--collect-only", "-p", "no:cacheprovider", *arguments], [collection])
    whole = collection.whole and code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    lacking = {one.name for one in threading.enumerate()} - {"MainThread", _NOT_MISSED}
    assert not lacking, f"forks would lack threads: {lacking}"
    gc.collect()
    gc.freeze()  # what was imported is no garbage, and no fork has to look
    with socket.socket(fileno=int(descriptor)) as asked_by:
        serve(asked_by, whole=whole)
