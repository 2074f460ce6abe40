"""Watches what an isolated command uses, and ends everything in its namespaces."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tiercel.tasks.build.isolation.groups import CommandGroup
from tiercel.tasks.engine.processes import within_own
from tiercel.tasks.engine.task import run_logger

_MIB = 1024 * 1024
_BLOCK = 512
"""Bytes of `st_blocks`: stat(2)."""
_EVERY_SECONDS = 0.1
_DISK_EVERY_SECONDS = 1.0
_SHARE = 10
"""Looking takes at most about this part of the time: what is large is looked at less often."""
_SPARE_DISK = 256 * _MIB
"""What a file system has to have left: files that are open and deleted show nowhere else."""
_SPARE_FILES = 10_000
"""The same of what it can name: empty files take nothing else."""
_LEAST_BYTES = 4096
"""What each file and folder counts for, also where it takes no block of its own."""
_DEEPEST = 200
"""How many folders in one another are looked into: each is open meanwhile."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class Usage:
    """What the processes of a command use together."""

    memory: int
    threads: int


@dataclass
class _Look:
    """Something that is looked at now and then."""

    look: Callable[[], str]
    pause: float
    due: float = 0.0

    def excess(self, now: float) -> str:
        if now < self.due:
            return ""
        found = self.look()
        spent = time.monotonic() - now
        self.due = now + max(self.pause, _SHARE * spent)
        return found


@dataclass
class NamespaceGuard:
    """Guards one command: tasks.engine.processes.Guard.

    From `info` the id of the first process in the namespaces is read: with that process all
    others in there end, and not before all others has it ended; pid_namespaces(7). It does
    nothing before it is limited and `start` is written to. `given` are bubblewrap's ends of the
    two pipes, which `started` closes. Memory and processes are the kernel's to limit in a
    group below `above`, and are looked at where there is none.
    """

    info: IO[bytes]
    start: IO[bytes]
    given: tuple[IO[bytes], IO[bytes]]
    folders: Sequence[Path]
    memory_mib: int
    processes: int
    disk_mib: int
    file_bytes: int
    above: Path | None = None
    _group: CommandGroup | None = None
    _first: int | None = None
    _handle: int | None = None
    _looks: list[_Look] = field(default_factory=list)

    def started(self, _: int) -> None:
        """Learn which process is the first inside; there is none if bubblewrap has failed."""
        for one in self.given:
            one.close()
        found = self.info.read()
        with contextlib.suppress(ValueError, KeyError, ProcessLookupError):
            self._first = int(json.loads(found)["child-pid"])
            self._handle = os.pidfd_open(self._first)
            self._bound(self._first)
            self._join(self._first)
        with contextlib.suppress(BrokenPipeError):
            self.start.write(b"!")
            self.start.flush()
        self._looks = [
            *([] if self._group else [_Look(self._processes_excess, _EVERY_SECONDS)]),
            _Look(self._disk_excess, _DISK_EVERY_SECONDS, time.monotonic() + _DISK_EVERY_SECONDS),
        ]

    def exceeded(self) -> str:
        """Return the limit that is passed."""
        now = time.monotonic()
        if self._group and self._group.ran_out_of_memory:
            return self._memory_limit
        return next((found for look in self._looks if (found := look.excess(now))), "")

    def end(self) -> None:
        """Kill the first process, and with it all the others, and wait until they are gone."""
        self._end_all()
        if self._group:
            self._group.remove()

    def _join(self, pid: int) -> None:
        """Give the command a group; where the kernel refuses one, look at it instead."""
        if self.above is None:
            return
        try:
            self._group = CommandGroup.create(self.above, self.memory_mib, self.processes, pid)
        except OSError as error:
            run_logger().warning("memory and processes are looked at, not limited: %s", error)

    def _end_all(self) -> None:
        if self._handle is None:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        poll.poll()
        os.close(self._handle)
        self._handle = None

    def _bound(self, pid: int) -> None:
        """Limit what every process inside has from its parent; setrlimit(2).

        The number of processes is the kernel's to count for every user but root.
        """
        bounds = {
            resource.RLIMIT_NPROC: self.processes,
            resource.RLIMIT_FSIZE: self.file_bytes,
            resource.RLIMIT_CORE: 0,
        }
        for kind, wanted in bounds.items():
            most = within_own(kind, wanted)
            resource.prlimit(pid, kind, (most, most))

    def _processes_excess(self) -> str:
        if self._first is None:
            return ""
        used, most = usage_of(self._first), self.memory_mib * _MIB
        if used.threads > self.processes:
            return f"{self.processes} processes"
        if used.memory > most and memory_of(self._first) > most:
            return self._memory_limit
        return ""

    @property
    def _memory_limit(self) -> str:
        return f"{self.memory_mib} MiB of memory"

    def _disk_excess(self) -> str:
        try:
            if sum(map(bytes_on_disk, self.folders)) > self.disk_mib * _MIB:
                return f"{self.disk_mib} MiB of disk"
        except OSError as error:
            return f"the disk: a folder that cannot be looked into may hold anything: {error}"
        return shortage_of(os.statvfs(self.folders[0]))


def usage_of(pid: int) -> Usage:
    """Return what a process and its descendants use.

    Memory is what lies in no file, swapped out or not; what several share is counted for each.
    """
    memory = threads = 0
    for one in _family(pid):
        with contextlib.suppress(OSError):
            found = _status(Path(f"/proc/{one}/status").read_text(errors="replace"))
            memory += sum(found.get(name, 0) for name in ("RssAnon", "RssShmem", "VmSwap"))
            threads += found.get("Threads", 0)
    return Usage(memory * 1024, threads)


def memory_of(pid: int) -> int:
    """Return the memory that a process and its descendants use, each part of it counted once.

    Reading that takes the kernel as long as there is memory: proc_pid_smaps(5).
    """
    total = 0
    for one in _family(pid):
        with contextlib.suppress(OSError):
            found = _status(Path(f"/proc/{one}/smaps_rollup").read_text(errors="replace"))
            total += sum(found.get(name, 0) for name in ("Pss_Anon", "Pss_Shmem", "SwapPss"))
    return total * 1024


def _family(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += _children(one)


def _children(pid: int) -> Iterator[int]:
    """Find the children of each thread; what ends meanwhile has none."""
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                yield from map(int, (thread / "children").read_text().split())


def _status(text: str) -> dict[str, int]:
    """Return the numbers of a process's status; sizes are in KiB there: proc_pid_status(5)."""
    lines = (line.partition(":") for line in text.splitlines())
    numbers = ((name, value.split()) for name, _, value in lines)
    return {name: int(words[0]) for name, words in numbers if words and words[0].isdigit()}


def shortage_of(system: os.statvfs_result) -> str:
    """Return what a file system has too little left of; some have no number of files to tell."""
    if system.f_bavail * system.f_frsize < _SPARE_DISK:
        return f"the disk: less than {_SPARE_DISK // _MIB} MiB are left"
    if system.f_files and system.f_favail < _SPARE_FILES:
        return f"the disk: it has room for less than {_SPARE_FILES} more files"
    return ""


def bytes_on_disk(folder: Path) -> int:
    """Return what a folder takes on the disk; files may come and go meanwhile.

    Raises OSError where it cannot be looked into, or is too deep for that.
    """
    return _size_below(str(folder), None, 0)


def _size_below(name: str, above: int | None, depth: int) -> int:
    """Look into a folder by its descriptor: paths may be too long, or lead through links."""
    if depth > _DEEPEST:
        raise OSError(errno.ENAMETOOLONG, f"more than {_DEEPEST} folders in one another")
    try:
        folder = os.open(name, _FOLDER, dir_fd=above)
    except (FileNotFoundError, NotADirectoryError):
        return 0  # it is gone, or something else by now
    try:
        total, below = _look_into(folder)
        for one in below:
            total += _size_below(one, folder, depth + 1)
        return total
    finally:
        os.close(folder)


def _look_into(folder: int) -> tuple[int, list[str]]:
    """Return what all in a folder takes, and the names of the folders in it."""
    total, below = 0, []
    with os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(FileNotFoundError):
                taken = entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                total += max(taken, _LEAST_BYTES)
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.name)
    return total, below
