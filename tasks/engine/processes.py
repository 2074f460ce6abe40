"""One way to run a command: given whole, bounded, and gone with all that it has started."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import IO

from tiercel.tasks.engine.guard import Guard
from tiercel.tasks.engine.pace import paced, pause

_LOOK_SECONDS = 0.1
"""How long a cancellation, the end of the time and too much output may go unnoticed."""
_LEAST_GRACE_SECONDS = 5.0
"""No pace takes more: a command that is told to stop on a busy machine has to come to it."""
_ROUNDS = 10
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Command:
    """A command as an argument list, for no shell; its folder and its environment are whole.

    After `seconds`, or when the run is cancelled, `stop` is sent to the command, and after
    `grace_seconds` more it is killed. It may write `output_bytes` to each of its outputs and,
    on Linux, `file_bytes` to a file. `mark`, as `NAME=value`, is a variable that only this
    command has: on Linux it leads to what was started apart from its process group. `input` is
    what it can read. Of this process's descriptors it has `descriptors`, by their numbers.
    """

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    seconds: float
    stop: signal.Signals = signal.SIGTERM
    grace_seconds: float = 0.0
    output_bytes: int = 256 * _MIB
    file_bytes: int | None = None
    mark: str = ""
    input: bytes = b""
    descriptors: Sequence[int] = ()


class Ending(Enum):
    """How a command ended."""

    NOT_STARTED = auto()
    EXITED = auto()
    SIGNALLED = auto()
    """By a signal that was not ours: a person's, the system's, or that of its own fault."""
    TIMED_OUT = auto()
    FLOODED = auto()
    """It was ended because it wrote too much."""
    EXCEEDED = auto()
    """It was ended because its guard said so."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, in words too, and the beginning of what it wrote.

    `returncode` is its exit code, or the signal's number below zero, whoever sent it.
    """

    ending: Ending
    why: str
    returncode: int = 0
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself and well."""
        return self.ending is Ending.EXITED and self.returncode == 0


def run_command(command: Command, log: Path | None = None, guard: Guard | None = None) -> Ended:
    """Run a command in a session of its own, and return how it ended.

    With a log, both of its outputs go there and are not returned. Whatever it left running
    is killed. Raises InterruptedRunError, after the command was ended, when the run is
    cancelled.
    """
    limits = _limits(command)
    with _outputs(log) as (output, errors), _input(command.input) as given:
        try:
            process = subprocess.Popen(
                (*limits, *command.arguments),
                cwd=command.folder,
                env=command.environment,
                stdin=given,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                pass_fds=command.descriptors,
            )
        except (OSError, ValueError) as error:
            return Ended(Ending.NOT_STARTED, f"it cannot be started: {error}")
        over = _watched(process)
        try:
            if not limits:
                _bound(process.pid, command.file_bytes)
            if guard:
                guard.started(process.pid)
            ending, excess = _awaited(over, command, (output, errors), guard)
        finally:
            _end(process, over, command)
            if guard:
                guard.end()
        texts = (
            (b"", b"") if log else (_read(one, command.output_bytes) for one in (output, errors))
        )
        return _ended(ending, process.returncode, command, excess, *texts)


@contextlib.contextmanager
def _outputs(log: Path | None) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Files, and not pipes: nothing has to be read in time, or is held open by what is left."""
    if log:
        with log.open("wb") as both:
            yield both, both
    else:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            yield output, errors


@contextlib.contextmanager
def _input(body: bytes) -> Iterator[IO[bytes] | int]:
    """A file here as well: a command that reads nothing of it holds nobody up."""
    if not body:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.seek(0)
        yield file


def _watched(process: subprocess.Popen[bytes]) -> threading.Event:
    """Return an event that is set when the command has ended, without a moment's delay.

    Its number is kept until its group has been killed: nobody else's group has it by then.
    """
    over = threading.Event()

    def watch() -> None:
        with contextlib.suppress(ChildProcessError):
            if hasattr(os, "waitid"):
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            else:  # macOS before Python 3.13
                process.wait()
        over.set()

    threading.Thread(target=watch, name=f"watch {process.pid}", daemon=True).start()
    return over


def _limits(command: Command) -> tuple[str, ...]:
    """Return by what a command begins with its limits: then all that it starts has them too.

    Empty without prlimit(1), which is Linux's, and for a program that is not there: that is told
    by its own name.
    """
    limiter, name = _limiter(), command.arguments[0]
    place = str(command.folder / name) if "/" in name else name
    if command.file_bytes is None or not limiter:
        return ()
    if not shutil.which(place, path=command.environment.get("PATH")):
        return ()
    most = within_own(resource.RLIMIT_FSIZE, command.file_bytes)
    return limiter, f"--fsize={most}:{most}", "--core=0:0", "--"


@cache
def _limiter() -> str | None:
    return shutil.which("prlimit")


def within_own(kind: int, most: int) -> int:
    """Return how much of it a command may have: no more than this process itself may.

    Only root can set a higher limit than its own; setrlimit(2).
    """
    own = resource.getrlimit(kind)[1]
    return most if own == resource.RLIM_INFINITY else min(most, own)


def _bound(pid: int, file_bytes: int | None) -> None:
    """Limit what a runaway command can write; only Linux can limit another process.

    What it has started by now stays without a limit.
    """
    if file_bytes is not None and hasattr(resource, "prlimit"):
        with contextlib.suppress(ProcessLookupError):
            most = within_own(resource.RLIMIT_FSIZE, file_bytes)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _awaited(
    over: threading.Event, command: Command, files: Sequence[IO[bytes]], guard: Guard | None
) -> tuple[Ending, str]:
    """Return how it ended, and what it had too much of."""
    deadline = time.monotonic() + command.seconds
    while True:
        ended = over.wait(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic())))
        if any(os.fstat(file.fileno()).st_size > command.output_bytes for file in files):
            return Ending.FLOODED, ""
        if guard and (excess := guard.exceeded()):
            return Ending.EXCEEDED, excess
        if ended:
            return Ending.EXITED, ""
        if time.monotonic() >= deadline:
            return Ending.TIMED_OUT, ""
        pause(0)


def _end(process: subprocess.Popen[bytes], over: threading.Event, command: Command) -> None:
    """Stop the command, which may use its grace to put things in order, and kill the rest.

    Only the command itself is told to stop: it knows what to do with those it has started.
    """
    if command.grace_seconds and not over.is_set():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, command.stop)
        over.wait(paced(command.grace_seconds, _LEAST_GRACE_SECONDS))
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    over.wait()
    process.wait()
    if command.mark:
        _kill_marked(os.fsencode(command.mark))


def _kill_marked(variable: bytes) -> None:
    """Kill what went into a group of its own; only Linux shows others' environments."""
    for _ in range(_ROUNDS):
        left_over = False
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if variable in environment.read_bytes().split(b"\0"):
                    os.kill(int(environment.parent.name), signal.SIGKILL)
                    left_over = True
        if not left_over:
            return


def _read(file: IO[bytes], most: int) -> bytes:
    file.seek(0)
    return file.read(most)


def _ended(
    ending: Ending, code: int, command: Command, excess: str, output: bytes, errors: bytes
) -> Ended:
    if ending is Ending.EXITED and code < 0:
        ending = Ending.SIGNALLED
    why = {
        Ending.EXITED: f"it ended with exit code {code}",
        Ending.SIGNALLED: f"it was ended by {_signal_name(-code)}",
        Ending.TIMED_OUT: f"it did not end within {command.seconds:g} seconds",
        Ending.FLOODED: f"it wrote more than {command.output_bytes:,} bytes",
        Ending.EXCEEDED: f"it used more than it may: {excess}",
    }[ending]
    return Ended(ending, why, code, output, errors)


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name}, as a system does that lacks memory" if name == "SIGKILL" else name
