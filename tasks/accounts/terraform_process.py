"""Runs the terraform command, and ends it so that it can still write its state."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tiercel.domain.base.errors import DeployFailedError, TiercelError
from tiercel.tasks.engine.pace import paced, pause

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 60.0
"""How long Terraform may take to write its state and to release its lock."""
_LEAST_GRACE_SECONDS = 5.0
_SHOWN_LINES = 40
_LONGEST_LINE = 500
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

_PASSED_ON = frozenset(
    {
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_SHARED_CREDENTIALS_FILE",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "PATH",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TF_CLI_CONFIG_FILE",
        "TF_PLUGIN_CACHE_DIR",
    }
)


def terraform_environment() -> dict[str, str]:
    """Return the whole environment of a Terraform process.

    Neither access keys nor TF_VAR_ or TF_CLI_ARGS_ variables are passed on: who acts and
    what is planned stands in the variables' file alone.
    """
    passed_on = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    return passed_on | {
        "CHECKPOINT_DISABLE": "1",
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }


def run_terraform(root: Path, arguments: Sequence[str], seconds: float) -> str:
    """Run `terraform` in a root and return what it printed.

    A run that is cancelled, or that takes longer, is interrupted as by Ctrl-C and has a
    minute to write its state. Raises DeployFailedError with Terraform's own words.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [_command(), *arguments],
            cwd=root,
            env=terraform_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        code = _wait(process, seconds)
        if code:
            reason = "" if code > 0 else f"it did not end within {seconds:.0f} seconds\n"
            raise _failure(root, arguments[0], reason + _last_lines(errors, output))
        output.seek(0)
        return output.read().decode("utf-8")


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Return the exit code, negative when the time was over."""
    deadline = time.monotonic() + seconds
    try:
        while (code := process.poll()) is None:
            if time.monotonic() > deadline:
                return -1
            pause(_POLL_SECONDS)
        return code
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt Terraform; a second signal, or a kill, would lose what it has just created."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(paced(_GRACE_SECONDS, _LEAST_GRACE_SECONDS))
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command() -> str:
    found = shutil.which("terraform")
    if found is None:
        raise TiercelError(
            "Terraform is not installed",
            why="there is no `terraform` on PATH",
            state="nothing was changed",
            remedy="install Terraform 1.11 or newer",
        )
    return found


def _failure(root: Path, command: str, reason: str) -> DeployFailedError:
    state = {
        "init": "nothing was changed",
        "plan": "nothing was changed",
        "apply": "what was done before the failure stays, and stands in the state",
    }
    return DeployFailedError(
        f"terraform {command} failed",
        where=root.name,
        why=reason,
        state=state.get(command, ""),
        remedy="correct the cause and run it again: it goes on from the state",
    )


def _last_lines(*files: IO[bytes]) -> str:
    """Return the end of the first of the files that is not empty."""
    for file in files:
        file.seek(0)
        text = _COLOURS.sub("", file.read().decode(errors="replace"))
        lines = [line.rstrip()[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]
        if lines:
            return "\n".join(lines[-_SHOWN_LINES:])
    return ""
