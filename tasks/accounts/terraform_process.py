"""Runs the terraform command, and ends it so that it can still write its state."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from tiercel.domain.base.errors import DeployFailedError, TiercelError
from tiercel.domain.base.log_text import last_lines
from tiercel.tasks.engine.processes import Command, Ended, Ending, run_command

_GRACE_SECONDS = 60.0
"""How long Terraform may take to write its state and to release its lock."""
_SHOWN_LINES = 40
_UNLOCK = (
    "when no other run is at work, delete the lock (`.tflock`) in the bucket of the state, and "
    "import or delete what the next plan wants to make again"
)
_GO_ON = "correct the cause and run it again: it goes on from the state"

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
    ended = run_command(
        Command(
            (_command(), *arguments),
            root,
            terraform_environment(),
            seconds,
            stop=signal.SIGINT,
            grace_seconds=_GRACE_SECONDS,
        )
    )
    if not ended.succeeded:
        raise _failure(root, arguments[0], ended)
    return ended.stdout.decode("utf-8")


def _command() -> str:
    found = shutil.which("terraform")
    if found is None:
        raise TiercelError(
            "terraform.not_installed",
            "Terraform is not installed",
            why="there is no `terraform` on PATH",
            state="nothing was changed",
            remedy="install Terraform 1.11 or newer",
        )
    return found


def _failure(root: Path, command: str, ended: Ended) -> DeployFailedError:
    said = last_lines(ended.stderr, _SHOWN_LINES) or last_lines(ended.stdout, _SHOWN_LINES)
    was_ended = [] if ended.ending is Ending.EXITED else [ended.why]
    state, remedy = _after(command, ended)
    return DeployFailedError(
        "terraform.failed",
        f"terraform {command} failed",
        where=root.name,
        why="\n".join(was_ended + said) or ended.why,
        state=state,
        remedy=remedy,
    )


def _after(command: str, ended: Ended) -> tuple[str, str]:
    """Return what things are in now, and what to do; one that was killed wrote nothing down."""
    if command != "apply":
        return ("nothing was changed" if command in ("init", "plan") else "", _GO_ON)
    if ended.returncode < 0:
        return ("some of what was made may stand in no state, and the state is locked", _UNLOCK)
    return ("what was done before the failure stays, and stands in the state", _GO_ON)
