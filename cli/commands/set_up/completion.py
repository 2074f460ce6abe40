"""`tiercel completion`: what a shell has to read to complete commands and options."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer


class _Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[_Shell, typer.Argument(help="Your shell.")]) -> None:
    """Print the script by which a shell completes commands and options; nothing is installed."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(
        prog_name="tiercel", complete_var="_TIERCEL_COMPLETE", shell=shell.value
    )
    sys.stdout.write(f"{script}\n")
