"""Runs a customer's own commands in an environment that is theirs and not ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tiercel.domain.base.errors import BuildFailedError
from tiercel.domain.base.log_text import last_lines
from tiercel.domain.base.text import printable
from tiercel.domain.organization.topology import Builds
from tiercel.tasks.engine.processes import Command, Ended, run_command

_SHOWN_LINES = 30
_SHOWN_HOSTS = 5
MAX_FILE_BYTES = 2 * 1024**3
_MAX_LOG_BYTES = 1024**2
_LONGEST_COMMAND = 500
_PROBE_SECONDS = 30.0
_SOURCE_DATE_EPOCH = "315532800"  # 1980-01-01, the time that the packages carry


def run_build(
    command: Sequence[str],
    folder: Path,
    scratch: Path,
    builds: Builds,
    *,
    offline: bool = False,
    shown: str = "",
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
    environment = build_environment(scratch, builds)
    ended = run_command(
        Command(
            (*(_offline() if offline and can_go_offline() else ()), *command),
            folder,
            environment,
            builds.timeout_seconds,
            output_bytes=MAX_FILE_BYTES,
            file_bytes=MAX_FILE_BYTES,
            mark=f"TMPDIR={environment['TMPDIR']}",
        ),
        log,
    )
    if not ended.succeeded:
        raise command_failure(shown or " ".join(command), ended, log)


@cache
def can_go_offline() -> bool:
    """Tell whether this system gives a process a network of its own, with nothing in it."""
    probe = Command((*_offline(), "true"), Path(), dict(os.environ), _PROBE_SECONDS)
    return run_command(probe).succeeded


def _offline() -> tuple[str, ...]:
    """Linux gives the command a network namespace in which only loopback is up."""
    namespace = ("unshare", "--user", "--map-root-user", "--net")
    return (*namespace, sys.executable, "-I", str(Path(__file__).with_name("loopback_exec.py")))


def build_environment(scratch: Path, builds: Builds) -> dict[str, str]:
    """Return the whole environment of a build beside the worker."""
    return {
        **passed_environment(builds),
        **base_environment(),
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "tmp"),
        "UV_CACHE_DIR": str(scratch / "home" / "uv-cache"),
    }


def passed_environment(builds: Builds) -> dict[str, str]:
    """Return the worker's variables that [builds] passes on."""
    return {name: os.environ[name] for name in builds.pass_environment if name in os.environ}


def base_environment() -> dict[str, str]:
    """Return the variables that a build finds wherever it runs; PATH without our own tools."""
    own_tools = os.path.realpath(Path(sys.executable).parent)
    path = [
        part
        for part in os.get_exec_path()
        if Path(part).is_absolute() and os.path.realpath(part) != own_tools
    ]
    return {
        "CI": "true",
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": _SOURCE_DATE_EPOCH,
    }


def command_failure(
    shown: str, ended: Ended, log: Path, refused: Sequence[str] = ()
) -> BuildFailedError:
    """Return the error of a command that failed, as `shown`, with the last lines of its log.

    `refused` is what it has asked of the network and was refused.
    """
    unreached = [f"it may not reach {one}" for one in dict.fromkeys(refused)]
    return BuildFailedError(
        "build.command_failed",
        f"the build command failed: {printable(shown, _LONGEST_COMMAND)}",
        why="\n".join(
            [ended.why, *unreached[:_SHOWN_HOSTS], *last_lines(_end_of(log), _SHOWN_LINES)]
        ),
        state="nothing was uploaded or deployed",
        remedy="run the command in the service's folder on your machine and correct it",
    )


def _end_of(log: Path) -> bytes:
    with log.open("rb") as lines:
        lines.seek(max(0, log.stat().st_size - _MAX_LOG_BYTES))
        return lines.read()
