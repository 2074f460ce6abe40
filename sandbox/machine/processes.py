"""The sandbox's operating system processes: started, recognized, stopped."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tiercel.domain.base.errors import TiercelError


def not_installed(module: str | None) -> TiercelError:
    """Return the error for a module that only the sandbox needs and that is not there."""
    return TiercelError(
        "sandbox.not_installed",
        "the sandbox is not installed",
        why=f"there is no module `{module}`",
        remedy="run `pip install 'tiercel[sandbox]'`",
    )


try:
    import psutil
except ModuleNotFoundError as error:
    raise not_installed(error.name) from error

HOST = "127.0.0.1"
_CREATION_TOLERANCE_SECONDS = 0.05
_RELEASE_SECONDS = 1.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that cannot be mistaken for a later one with the same pid.

    `created` is the process's creation time in seconds since the epoch.
    """

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return the identity of a running process; psutil.NoSuchProcess when it is gone."""
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """Return the process if it still runs; None when it ended or the pid was reused."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < _CREATION_TOLERANCE_SECONDS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def start(
    arguments: list[str], environment: dict[str, str], log: Path, *, inherit: tuple[int, ...] = ()
) -> ProcessIdentity:
    """Start a process that outlives this one, with that environment and nothing else.

    Its output is appended to the log. File descriptors in `inherit` stay open in it.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            arguments,
            cwd=log.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherit,
        )
    identity = ProcessIdentity.of(process.pid)
    process.returncode = 0  # it is left to itself: without this, Python warns that it still runs
    return identity


def stop(identities: list[ProcessIdentity], patience: float = 15.0) -> int:
    """End these processes and all their descendants; return how many had to be ended.

    SIGTERM goes to the processes themselves, so that they can save their state and end
    their own children; what is left after `patience` seconds gets SIGKILL.
    """
    leaders = [process for identity in identities if (process := identity.find())]
    descendants = [child for leader in leaders for child in _descendants(leader)]
    for leader in leaders:
        _signal(leader, kill=False)
    _, stubborn = psutil.wait_procs(leaders, timeout=patience)
    left = [*stubborn, *(child for child in descendants if child.is_running())]
    for process in left:
        _signal(process, kill=True)
    psutil.wait_procs(left, timeout=patience)
    return len(leaders)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return


def bind(port: int) -> socket.socket:
    """Return a socket that listens on loopback; TiercelError when the port is taken.

    Port 0 lets the operating system choose one.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise TiercelError(
            "sandbox.port_taken",
            "the sandbox cannot listen",
            where=f"{HOST}:{port}",
            why=str(error),
            remedy="stop what listens there, or choose another port",
        ) from error
    return listener


def free_port(preferred: int) -> int:
    """Return the preferred port if nothing listens there, else 0.

    A process that was killed may hold its port for a moment after it ended.
    """
    deadline = time.monotonic() + _RELEASE_SECONDS
    while True:
        try:
            bind(preferred).close()
        except TiercelError:
            if time.monotonic() > deadline:
                return 0
            time.sleep(_POLL_SECONDS)
        else:
            return preferred


def orphans(folder: Path) -> list[ProcessIdentity]:
    """Return the processes that run a program inside the folder.

    A Lambda function's process runs code that was unpacked there, and may outlive an
    emulator that was killed.
    """
    prefix = f"{folder}/"
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "create_time"]):
        arguments = process.info["cmdline"] or []
        if any(str(argument).startswith(prefix) for argument in arguments[1:2]):
            found.append(ProcessIdentity(process.info["pid"], process.info["create_time"]))
    return found
