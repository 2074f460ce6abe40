"""Whether this machine can isolate, and what it lacks if not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.base.log_text import last_lines
from tiercel.tasks.build.isolation.system_calls import KNOWN_MACHINES
from tiercel.tasks.engine.processes import Command, run_command

_PROBE_SECONDS = 30.0
_SHOWN_LINES = 3
_PROGRAM = "bwrap"
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_USER_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
_PROBE = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
    *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "true"),
)


def bubblewrap() -> str:
    """Return the path of bubblewrap; ConfigurationError where commands cannot be isolated."""
    program = shutil.which(_PROGRAM)
    lack = _lack(program)
    if program is None or lack:
        why, remedy = lack or ("", "")
        raise ConfigurationError(
            "builds.not_isolated",
            "builds cannot be isolated on this machine",
            where='[builds] where = "isolated"',
            why=why,
            state="nothing was built",
            remedy=f"{remedy}; `codebuild` needs nothing of this machine, `here` protects nothing",
        )
    return program


def can_isolate() -> bool:
    """Tell whether this machine can isolate."""
    try:
        bubblewrap()
    except ConfigurationError:
        return False
    return True


@cache
def _lack(program: str | None) -> tuple[str, str] | None:
    """Return what is missing and how to get it; looked for once in a process."""
    if sys.platform != "linux":
        return "namespaces are a matter of Linux", "let builds run on Linux"
    if platform.machine() not in KNOWN_MACHINES:
        machines = " and ".join(KNOWN_MACHINES)
        return f"its list of system calls is for {machines}", "take another machine"
    if program is None:
        return f"there is no {_PROGRAM} on the PATH", "install the package bubblewrap"
    with tempfile.TemporaryDirectory(prefix="tiercel-probe-") as folder:
        probe = Command((program, *_PROBE), Path(folder), dict(os.environ), _PROBE_SECONDS)
        ended = run_command(probe)
    if ended.succeeded:
        return None
    return "\n".join([ended.why, *last_lines(ended.stderr, _SHOWN_LINES)]), _remedy()


def _remedy() -> str:
    if _says(_APPARMOR, "1"):
        return (
            "give bwrap AppArmor's rule `userns` (on Ubuntu the profile "
            "/etc/apparmor.d/bwrap-userns-restrict of the package apparmor-profiles)"
        )
    if _says(_USER_NAMESPACES, "0"):
        return "set user.max_user_namespaces by sysctl to more than 0"
    return "let the worker make user namespaces and mount a /proc (in a container it may not)"


def _says(file: Path, text: str) -> bool:
    try:
        return file.read_text().strip() == text
    except OSError:
        return False
