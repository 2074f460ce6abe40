"""Commands as processes of their own that cost a fork: what a command imports is imported once."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Thread
from typing import IO

from tests.support.forked_workers import COMMANDS

ORIGIN: list[str] = []
"""In a worker of xdist's, the address of the process that it is a fork of."""


class Forked:
    """A process as `subprocess.Popen` would show it, whose parent is the fork server."""

    def __init__(self, arguments: Sequence[str], output: int, errors: int, report: int) -> None:
        self.args = list(arguments)
        self.stdout: IO[str] = os.fdopen(output, encoding="utf-8")
        self.stderr: IO[str] = os.fdopen(errors, encoding="utf-8")
        self._report: IO[bytes] = os.fdopen(report, "rb", buffering=0)
        self.returncode: int | None = None
        self.pid = self._number()

    def __del__(self) -> None:
        for file in (self.stdout, self.stderr, self._report):
            file.close()

    def poll(self) -> int | None:
        """The exit code, or minus the signal's number; None while it runs."""
        if self.returncode is None and select.select([self._report], [], [], 0)[0]:
            self.returncode = self._number()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return what `poll` does at the end; subprocess.TimeoutExpired after `timeout` seconds."""
        if self.returncode is None and not select.select([self._report], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what is left of the outputs, and wait for the end."""
        deadline = None if timeout is None else time.monotonic() + timeout
        texts = ["", ""]

        def read(place: int, file: IO[str]) -> None:
            texts[place] = file.read()

        readers = [
            Thread(target=read, args=one, daemon=True)
            for one in enumerate((self.stdout, self.stderr))
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return texts[0], texts[1]

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        line = self._report.readline()
        assert line, "the fork server is gone"
        return int(line)


def forked(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    shown_to: int | None = None,
) -> Forked:
    """Start `tiercel` with these arguments, in a session of its own and without input.

    `shown_to` is an open file for both of its outputs, which are then not here to be read.
    """
    outputs, errors, report = os.pipe(), os.pipe(), os.pipe()
    asked = {
        "arguments": list(arguments),
        "folder": str(folder),
        "environment": dict(environment),
    }
    written = [pipe[1] for pipe in (outputs, errors, report)]
    given = written if shown_to is None else [shown_to, shown_to, report[1]]
    socket.send_fds(_server(), [json.dumps(asked).encode()], given)
    for file in written:
        os.close(file)
    return Forked(["tiercel", *arguments], outputs[0], errors[0], report[0])


@cache
def _server() -> socket.socket:
    """Return what a fork server of this process listens to; it ends when this process does."""
    if not ORIGIN:
        return _started_server()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.connect(ORIGIN[0])
    server.send(COMMANDS)
    atexit.register(server.close)
    return server


def _started_server() -> socket.socket:
    """Start one, which imports all of it, where this process is no worker of xdist's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            cwd=Path(__file__).parents[2],
            stdin=theirs.fileno(),
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours
