"""Where a command works: in the sandbox, or in AWS with the caller's credentials."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tiercel.cli.terminal.failures import not_in_sandbox, sandbox_not_running
from tiercel.domain.base.errors import UnreachableError

DEFAULT_STATE = Path(".tiercel/sandbox")
_NAME = "tiercel"
_SET_BY_UV = "UV"
_WORKERS_OF_PREFECT = ("APILogWorker", "EventsWorker")
"""Threads that send logs and events; they warn of each wait for a server, past all handlers."""
_PREFECT_CREDENTIALS = ("PREFECT_API_AUTH_STRING", "PREFECT_API_KEY")


def use_sandbox(state: Path, config: Path | None, profile: str = "preprod") -> None:
    """Point this process at the running sandbox, as that profile: an environment's operator.

    Raises UnreachableError if none is running or it has no such profile, so that a command that was
    meant for the sandbox never reaches AWS.
    """
    from tiercel.sandbox.lifecycle import status

    sandbox = status(state)
    if sandbox is None:
        raise sandbox_not_running(state)
    try:
        variables = sandbox.environ(profile)
    except KeyError:
        raise not_in_sandbox(profile, state) from None
    leave_the_world()
    os.environ.update(variables | {"TIERCEL_CACHE_DIR": str(state.absolute() / "cache")})
    use_config(config)


def typed(*words: str, state: Path) -> str:
    """Return a command as it has to be typed for the sandbox of a state folder."""
    place = () if state == DEFAULT_STATE else ("--state", str(state))
    return shlex.join((program(sys.argv[0], os.environ), *words, *place))


def program(started: str, environment: Mapping[str, str]) -> str:
    """Return what starts Tiercel again: its name, or its path where no shell finds the name.

    `pipx run` and `uvx` start it by its path in a folder of theirs. That folder comes first in the
    PATH that uv gives what it starts, and whoever types the next command does not have it there.
    """
    path = environment.get("PATH", "")
    if _SET_BY_UV in environment:
        path = path.partition(os.pathsep)[2]
    by_path = Path(started).is_absolute() and Path(started).name == _NAME
    return started if by_path and not shutil.which(_NAME, path=path) else _NAME


def use_administrator(state: Path) -> None:
    """Speak to the sandbox's GitHub as the person who protects its branches."""
    from tiercel.sandbox.lifecycle import status
    from tiercel.tasks.github.transport.client import forget_github

    sandbox = status(state)
    if sandbox and sandbox.github:
        os.environ["GITHUB_TOKEN"] = sandbox.github.token("releaser")
        forget_github()


def use_workers(state: Path, environment: str) -> None:
    """Make sure that a worker of the sandbox will take a run; UnreachableError if there is none."""
    from tiercel.sandbox.workers import running_workers

    if environment not in running_workers(state):
        raise UnreachableError(
            "sandbox.no_worker",
            f"the sandbox has no worker for {environment}",
            where=str(state),
            state="nothing was called",
            remedy="add --local, or start the workers with `tiercel sandbox up --workers`",
        )


def use_config(config: Path | None) -> None:
    """Let flows read another configuration than ./tiercel.toml."""
    if config:
        os.environ["TIERCEL_CONFIG"] = str(config.absolute())


def quiet_prefect() -> None:
    """Keep Prefect's own console lines away; the command shows progress itself.

    Has to be called before Prefect is imported.
    """
    defaults: Mapping[str, str] = {
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_COLORS": "false",
        # Else it writes down, whole, each event that a server which is away does not take.
        "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # The server that --local starts where none is named makes its database first.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    for one in _WORKERS_OF_PREFECT:
        logging.getLogger(one).setLevel(logging.ERROR)


def leave_the_world() -> None:
    """Drop whatever would let a call go to AWS or GitHub themselves, or another's password."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GITHUB_")) or name in _PREFECT_CREDENTIALS:
            del os.environ[name]
