"""A control group for each isolated command, where systemd has delegated one: memory and processes.

The kernel counts what processes of a group hold together, pages that no process has mapped too,
and keeps them below a limit at every moment. https://docs.kernel.org/admin-guide/cgroup-v2.html
and https://systemd.io/CGROUP_DELEGATION/
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
"""Where the one hierarchy of version 2 is mounted."""
OWN_GROUP = "worker"
"""What a worker's own group is called in the one that it was delegated: `DelegateSubgroup=`."""
_NEEDED = ("memory", "pids")
_MIB = 1024 * 1024
_EMPTY_SECONDS = 5.0
_LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Delegation:
    """What is known of the group above a worker's own."""

    own: str
    controllers: Collection[str]
    writable: bool


def lack_of(found: Delegation) -> str:
    """Return why commands cannot have groups of their own; nothing if they can.

    Groups with limits are given only below a group without processes, so that a worker has to be
    in a group of its own there; and whoever is no worker of a unit of ours leaves groups alone.
    """
    if found.own != OWN_GROUP:
        return "this process is in no group that was delegated to a worker"
    missing = [one for one in _NEEDED if one not in found.controllers]
    if missing:
        return f"the delegated group has no controller {', '.join(missing)}"
    return "" if found.writable else "the delegated group belongs to somebody else"


def delegated_group(membership: str, root: Path = GROUPS) -> Path | None:
    """Return the group below which commands may have theirs; None if there is none.

    `membership` is what /proc/self/cgroup says.
    """
    lines = [line.partition("::")[2] for line in membership.splitlines() if line.startswith("0::")]
    if not lines:
        return None
    own = root / lines[0].lstrip("/")
    above = own.parent
    files = [above / name for name in ("cgroup.procs", "cgroup.subtree_control")]
    found = Delegation(
        own.name,
        _words(above / "cgroup.controllers"),
        all(os.access(one, os.W_OK) for one in (above, *files)),
    )
    return None if lack_of(found) else above


@dataclass(frozen=True)
class CommandGroup:
    """The group of one command, in `folder`."""

    folder: Path

    @classmethod
    def create(cls, above: Path, memory_mib: int, processes: int, pid: int) -> CommandGroup:
        """Make a group with these limits, and take a process into it with all that it will start.

        Raises OSError where the kernel refuses one; then there is none.
        """
        enabled = _words(above / "cgroup.subtree_control")
        if any(one not in enabled for one in _NEEDED):
            _write(above / "cgroup.subtree_control", " ".join(f"+{one}" for one in _NEEDED))
        group = cls(above / f"build-{secrets.token_hex(8)}")
        group.folder.mkdir()
        try:
            _write(group.folder / "memory.max", str(memory_mib * _MIB))
            _write(group.folder / "pids.max", str(processes))
            # All of it is ended, as where limits are watched, and not the largest process alone.
            _write(group.folder / "memory.oom.group", "1")
            with contextlib.suppress(OSError):  # a machine without swap has no such file
                _write(group.folder / "memory.swap.max", "0")
            _write(group.folder / "cgroup.procs", str(pid))
        except OSError:
            group.remove()
            raise
        return group

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has ended the group because it reached its limit."""
        return _number(self.folder / "memory.events", "oom_kill") > 0

    def remove(self) -> None:
        """Remove the group once its processes are gone, which the kernel sees a moment later."""
        deadline = time.monotonic() + _EMPTY_SECONDS
        while time.monotonic() < deadline:
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(_LOOK_SECONDS)
            else:
                return


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _number(file: Path, name: str) -> int:
    """Return a number of a flat keyed file; 0 if there is none."""
    words = _words(file)
    found = dict(zip(words[::2], words[1::2], strict=False))
    return int(found.get(name, 0))


def _write(file: Path, text: str) -> None:
    """The files of a group are there already: nothing is made, and one write is one order."""
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
