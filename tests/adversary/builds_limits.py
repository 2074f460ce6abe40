"""Builds that take more than they may have."""

from __future__ import annotations

from tests.adversary.frame import Attack, Kind, Removal
from tests.adversary.workplace import looting_python, looting_shell, not_isolated

_GUARD = "tasks.build.isolation.limits:NamespaceGuard"


_LOOKS_SECONDS = 6
"""What is looked at now and then is seen by then, also on a machine that has much else to do."""
_processes = looting_python(
    "import os, time\n"
    "for _ in range(200):\n"
    "    if os.fork() == 0:\n"
    "        time.sleep(30); os._exit(0)\n"
    f"time.sleep({_LOOKS_SECONDS})\n"
    "open('loot', 'w').write('x')",
    processes=50,
)
# In many processes, so that none is large.
_memory = looting_python(
    "import os, time\n"
    "for _ in range(8):\n"
    "    if os.fork() == 0:\n"
    "        held = b'x' * 30_000_000; time.sleep(30); os._exit(0)\n"
    f"time.sleep({_LOOKS_SECONDS})\n"
    "open('loot', 'w').write('x')",
    memory_mib=128,
)
_disk = looting_shell(
    "for n in 1 2 3 4; do head -c 20000000 /dev/zero > /tmp/$n; done; "
    f"sleep {_LOOKS_SECONDS}; echo x > loot",
    disk_mib=40,
)
_time = looting_shell(f"trap '' TERM; sleep {_LOOKS_SECONDS}; echo x > loot", timeout_seconds=1)
_large_file = looting_shell("truncate --size=3G /tmp/large && echo x > loot")

ATTACKS = (
    Attack(
        "a build forks without end", Kind.ESCAPE, "a number of processes",
        (
            Removal(f"{_GUARD}._processes_excess", "used.threads > self.processes", "False"),
            Removal(f"{_GUARD}._bound", "resource.RLIMIT_NPROC: self.processes,"),
        ),
        _processes, impossible=not_isolated,
    ),
    Attack("a build takes all memory", Kind.ESCAPE, "memory of all its processes together",
           (Removal(f"{_GUARD}._processes_excess", "used.memory > most", "False"),),
           _memory, impossible=not_isolated),
    Attack("a build fills the disk", Kind.ESCAPE, "an amount of disk",
           (Removal(f"{_GUARD}._disk_excess", "> self.disk_mib * _MIB", "< 0"),),
           _disk, sampled=False, impossible=not_isolated),
    Attack("a build does not end", Kind.ESCAPE, "a time",
           (Removal("tasks.engine.processes:_awaited", "time.monotonic() >= deadline", "False"),),
           _time, impossible=not_isolated),
    Attack("a build makes a large file", Kind.ESCAPE, "a size of files",
           (Removal(f"{_GUARD}._bound", "resource.RLIMIT_FSIZE: self.file_bytes,"),
            Removal("tasks.engine.processes:_limits", "command.file_bytes is None", "True"),
            Removal("tasks.engine.processes:_bound", "file_bytes is not None", "False")),
           _large_file, impossible=not_isolated),
)  # fmt: skip
