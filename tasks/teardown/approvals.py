"""The standing approval in the worker's own file, which no merge can widen."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.drill.standing_approval import StandingApproval, parse_approvals
from tiercel.tasks.engine.task import world_task

APPROVAL_VARIABLE = "TIERCEL_DRILL_APPROVAL"
"""Names the file, by its absolute path."""
_LONGEST = 64 * 1024


@world_task("read standing approvals")
def read_approvals() -> tuple[StandingApproval, ...]:
    """Return what the worker's file approves, nothing if it has none.

    Raises ConfigurationError for a file in a repository, one that others may write, and one that
    cannot be read.
    """
    named = os.environ.get(APPROVAL_VARIABLE, "")
    if not named:
        return ()
    path = Path(named)
    if not path.is_absolute():
        raise _unusable(path, "its path is not absolute", "name it by its absolute path")
    real = path.resolve()
    if any((folder / ".git").exists() for folder in real.parents):
        raise _unusable(
            path, "it lies in a git repository, where a merge could widen it",
            "keep it beside the worker's own configuration, outside of every repository",
        )  # fmt: skip
    try:
        mode = real.stat().st_mode
        text = real.read_text()[:_LONGEST]
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error), "correct the file or its path") from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unusable(path, "others than its owner may write it", "take that from them")
    return parse_approvals(text, str(path))


def _unusable(path: Path, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        "drill.approval_unusable",
        "the standing approval is not used",
        where=str(path),
        why=why,
        state="nothing is approved, nothing was deleted",
        remedy=remedy,
    )
