"""Runs a customer's own commands in an environment that is theirs and not ours."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from domain.errors import BuildFailedError
from domain.topology import Builds

_SHOWN_LINES = 30
_MAX_FILE_BYTES = 2 * 1024**3
_MAX_LOG_BYTES = 16 * 1024**2
_SOURCE_DATE_EPOCH = "315532800"  # 1980-01-01, the time that the packages carry


def run_build(command: Sequence[str], folder: Path, scratch: Path, builds: Builds) -> None:
    """Run a command, without a shell, in `folder`; HOME and TMPDIR lie in `scratch`.

    The process sees PATH without Tiercel's own environment, and the variables that
    [builds] passes on; no credentials. It and all that it started are killed when the
    time is over. Raises BuildFailedError with the last lines of its output.
    """
    for name in ("home", "tmp"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    log = scratch / "build.log"
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                list(command),
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


def build_environment(scratch: Path, builds: Builds) -> dict[str, str]:
    """Return the whole environment of a build."""
    passed_on = {name: os.environ[name] for name in builds.pass_environment if name in os.environ}
    own_tools = str(Path(sys.executable).parent)
    path = [part for part in os.get_exec_path() if part != own_tools]
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
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise _failure(command, f"it did not end within {seconds} seconds", log) from error
    finally:
        # Whatever the build left running in its session ends with it.
        _kill_session(process)
    if code:
        raise _failure(command, f"it ended with exit code {code}", log)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _failure(command: Sequence[str], reason: str, log: Path) -> BuildFailedError:
    return BuildFailedError(
        f"the build command failed: {' '.join(command)}",
        why="\n".join([reason, *_last_lines(log)]),
        state="nothing was uploaded or deployed",
        remedy="run the command in the service's folder on your machine and correct it",
    )


def _last_lines(log: Path) -> list[str]:
    with log.open("rb") as lines:
        lines.seek(max(0, log.stat().st_size - _MAX_LOG_BYTES))
        text = lines.read().decode(errors="replace")
    printable = "".join(c for c in text if c.isprintable() or c == "\n")
    return printable.splitlines()[-_SHOWN_LINES:]
