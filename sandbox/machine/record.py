"""sandbox.json: which processes belong to the sandbox, kept across commands."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.processes import ProcessIdentity


@dataclass(frozen=True)
class Ports:
    """The loopback ports of the servers; 0 lets the operating system choose."""

    aws: int = 0
    prefect: int = 0
    github: int = 0


@dataclass(frozen=True)
class Server:
    """A running server and the loopback port it listens on."""

    process: ProcessIdentity
    port: int

    @classmethod
    def parse(cls, data: dict[str, object]) -> Self:
        """Return what `asdict` wrote; KeyError or TypeError when it is something else."""
        process = data["process"]
        if not isinstance(process, dict):
            raise TypeError("`process` must be an object")
        return cls(ProcessIdentity(**process), int(str(data["port"])))

    @property
    def is_running(self) -> bool:
        """Whether the very process that was started still runs."""
        return self.process.find() is not None


@dataclass(frozen=True)
class SandboxRecord:
    """The servers of a sandbox; `seeded` is the fingerprint of what its accounts hold.

    `workers` has the Prefect worker of each environment that has one; it listens nowhere.
    """

    aws: Server | None = None
    prefect: Server | None = None
    github: Server | None = None
    latency_ms: int = 0
    seeded: str = ""
    workers: dict[str, Server] = field(default_factory=dict)

    def running(self) -> SandboxRecord:
        """Return the record without servers that ended."""
        return SandboxRecord(
            aws=self.aws if self.aws and self.aws.is_running else None,
            prefect=self.prefect if self.prefect and self.prefect.is_running else None,
            github=self.github if self.github and self.github.is_running else None,
            latency_ms=self.latency_ms,
            seeded=self.seeded,
            workers={name: one for name, one in self.workers.items() if one.is_running},
        )

    def servers(self) -> list[Server]:
        """Return the servers and workers that were started."""
        servers = [server for server in (self.aws, self.prefect, self.github) if server]
        return [*self.workers.values(), *servers]


def read_record(layout: Layout) -> SandboxRecord:
    """Return the record as it was written; an empty one when there is none or it is torn."""
    try:
        data = json.loads(layout.record.read_text("utf-8"))
        return SandboxRecord(
            aws=Server.parse(data["aws"]) if data["aws"] else None,
            prefect=Server.parse(data["prefect"]) if data["prefect"] else None,
            github=Server.parse(data["github"]) if data["github"] else None,
            latency_ms=int(data["latency_ms"]),
            seeded=str(data["seeded"]),
            workers={name: Server.parse(one) for name, one in data.get("workers", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return SandboxRecord()


def write_record(layout: Layout, record: SandboxRecord) -> None:
    """Replace the record in one step, and remember the ports for the next start."""
    write_text(layout.record, json.dumps(asdict(record), indent=2))
    known = read_ports(layout)
    current = Ports(
        aws=record.aws.port if record.aws else known.aws,
        prefect=record.prefect.port if record.prefect else known.prefect,
        github=record.github.port if record.github else known.github,
    )
    write_text(layout.ports, json.dumps(asdict(current)))


def read_ports(layout: Layout) -> Ports:
    """Return the ports of the last start; 0 where there was none."""
    try:
        return Ports(**json.loads(layout.ports.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Ports()


def write_text(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file in one step, readable by its owner only unless `mode` says otherwise."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


@contextmanager
def exclusive(layout: Layout, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the sandbox's lock; the operating system releases it if this process dies."""
    with layout.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another command to finish with this sandbox")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
