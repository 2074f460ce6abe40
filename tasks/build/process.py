"""Runs a customer's own commands in an environment that is theirs and not ours."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tiercel.domain.base.errors import BuildFailedError
from tiercel.domain.base.text import printable
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.engine.pace import pause

_POLL_SECONDS = 0.05
_SHOWN_LINES = 30
_MAX_FILE_BYTES = 2 * 1024**3
_MAX_LOG_BYTES = 1024**2
_LONGEST_LINE = 500
_KILL_ROUNDS = 10
_SOURCE_DATE_EPOCH = "315532800"  # 1980-01-01, the time that the packages carry


def run_build(
    command: Sequence[str], folder: Path, scratch: Path, builds: Builds, *, offline: bool = False
) -> None:
    """Run a command, without a shell, in `folder`; HOME and TMPDIR lie in `scratch`.

    The process sees PATH without Tiercel's own environment, and the variables that
    [builds] passes on; no credentials. `offline` leaves it no network but its own
    loopback, where `can_go_offline` says so. It and all that it started are killed when
    the time is over. Raises BuildFailedError with the last lines of its output.
    """
    for name in ("home", "tmp"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    log = scratch / "build.log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                [*(_offline() if offline and can_go_offline() else ()), *command],
                cwd=folder,
                env=build_environment(scratch, builds),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise _failure(command, f"it cannot be started: {error}", log) from error
        _limit(process.pid)
        _wait(process, command, builds.timeout_seconds, log)


@cache
def can_go_offline() -> bool:
    """Tell whether this system gives a process a network of its own, with nothing in it."""
    try:
        probe = subprocess.run([*_offline(), "true"], capture_output=True, check=False)
    except OSError:
        return False
    return probe.returncode == 0


def _offline() -> tuple[str, ...]:
    """Linux gives the command a network namespace in which only loopback is up."""
    namespace = ("unshare", "--user", "--map-root-user", "--net")
    return (*namespace, sys.executable, "-I", str(Path(__file__).with_name("loopback_exec.py")))


def build_environment(scratch: Path, builds: Builds) -> dict[str, str]:
    """Return the whole environment of a build."""
    passed_on = {name: os.environ[name] for name in builds.pass_environment if name in os.environ}
    own_tools = os.path.realpath(Path(sys.executable).parent)
    path = [part for part in os.get_exec_path() if os.path.realpath(part) != own_tools]
    return passed_on | {
        "CI": "true",
        "HOME": str(scratch / "home"),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": _SOURCE_DATE_EPOCH,
        "TMPDIR": str(scratch / "tmp"),
        "UV_CACHE_DIR": str(scratch / "home" / "uv-cache"),
    }


def _limit(pid: int) -> None:
    """Bound what a runaway build can write; only Linux can limit another process."""
    if hasattr(resource, "prlimit"):
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_MAX_FILE_BYTES, _MAX_FILE_BYTES))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        except ProcessLookupError:
            return


def _wait(
    process: subprocess.Popen[bytes], command: Sequence[str], seconds: int, log: Path
) -> None:
    deadline = time.monotonic() + seconds
    try:
        while (code := process.poll()) is None:
            if time.monotonic() > deadline:
                raise _failure(command, f"it did not end within {seconds} seconds", log)
            pause(_POLL_SECONDS)
    finally:
        # Whatever the build left running ends with it.
        _kill_group(process)
        _kill_left_over(log.parent)
    if code:
        raise _failure(command, f"it ended with exit code {code}", log)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _kill_left_over(scratch: Path) -> None:
    """Kill what went into a process group of its own, told by the TMPDIR that it inherited.

    Only Linux shows the environment of another process.
    """
    variable = os.fsencode(f"TMPDIR={scratch / 'tmp'}")
    for _ in range(_KILL_ROUNDS):
        left_over = False
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if variable in environment.read_bytes().split(b"\0"):
                    os.kill(int(environment.parent.name), signal.SIGKILL)
                    left_over = True
        if not left_over:
            return


def _failure(command: Sequence[str], reason: str, log: Path) -> BuildFailedError:
    return BuildFailedError(
        "build.command_failed",
        f"the build command failed: {printable(' '.join(command), _LONGEST_LINE)}",
        why="\n".join([reason, *_last_lines(log)]),
        state="nothing was uploaded or deployed",
        remedy="run the command in the service's folder on your machine and correct it",
    )


def _last_lines(log: Path) -> list[str]:
    with log.open("rb") as lines:
        lines.seek(max(0, log.stat().st_size - _MAX_LOG_BYTES))
        text = lines.read().decode(errors="replace")
    visible = "".join(c for c in text.expandtabs(4) if c.isprintable() or c == "\n")
    return [line[:_LONGEST_LINE] for line in visible.splitlines()[-_SHOWN_LINES:]]
