"""PostgreSQL and Redis from Debian's packages, started by hand, on loopback, for one test."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS
from tiercel.sandbox.machine.processes import bind

_UNPRIVILEGED = "nobody"


def postgresql_programs() -> Path | None:
    """The newest PostgreSQL of the machine that Prefect takes (14.9 or newer)."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major)
    return found[-1].parent if found and _major(found[-1]) >= 15 else None


def redis_program() -> str | None:
    return shutil.which("redis-server")


def _major(path: Path) -> int:
    name = path.parent.parent.name
    return int(name) if name.isdigit() else 0


def free_port() -> int:
    with bind(0) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """Yield the URL of a fresh database for asyncpg, with room for several servers."""
    port = free_port()
    arguments = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "fsync": "off",
    }
    settings = [part for key, value in arguments.items() for part in ("-c", f"{key}={value}")]
    with _folder() as (folder, user):
        data = folder / "data"
        subprocess.run(
            [programs / "initdb", "--pgdata", data, "--username=prefect", "--auth=trust"],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        with _process([str(programs / "postgres"), "-D", str(data), *settings], folder, user, port):
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"


@contextmanager
def redis(program: str) -> Iterator[str]:
    """Yield the URL of an empty Redis."""
    port = free_port()
    with _folder() as (folder, user):
        arguments = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
        with _process([*arguments, "--save", ""], folder, user, port):
            yield f"redis://127.0.0.1:{port}"


@contextmanager
def _folder() -> Iterator[tuple[Path, str | int]]:
    """Give an empty folder and its user, who is one without rights: PostgreSQL refuses root.

    It is none of pytest's: whatever run of pytest begins next closes those of this user to others.
    """
    with tempfile.TemporaryDirectory(prefix="tiercel-database-") as name:
        if os.geteuid():
            yield Path(name), os.geteuid()
            return
        owner = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(name, owner.pw_uid, owner.pw_gid)
        yield Path(name), _UNPRIVILEGED


@contextmanager
def _process(arguments: list[str], folder: Path, user: str | int, port: int) -> Iterator[None]:
    log = folder / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            arguments, user=user, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _await_port(process, port, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.1)
        else:
            return
