"""The branches of GitHub's merge queues, which say what they would merge."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.text import printable

MERGE_QUEUE = "gh-readonly-queue"
"""What the names of the branches that GitHub makes for merge queues begin with."""
_BRANCH = re.compile(MERGE_QUEUE + r"/(.+)/pr-([1-9][0-9]{0,9})-[0-9a-f]{40,64}")
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class QueuedMerge:
    """The base of a queue, and the last of the pull requests that a group of it would merge."""

    base: str
    number: int


def queued_merge(branch: str) -> QueuedMerge:
    """Return what a branch of a merge queue would merge; RefusedInputError for another branch.

    GitHub names it `gh-readonly-queue/BASE/pr-NUMBER-COMMIT`:
    https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue
    """
    match = _BRANCH.fullmatch(branch)
    if match is None:
        raise RefusedInputError(
            "event.no_merge_queue",
            f"{printable(branch, _LONGEST_SHOWN)} is no branch of a merge queue",
            where="parameter branch",
            state="nothing was called",
            remedy="give one that begins with gh-readonly-queue/, as GitHub names it",
        )
    return QueuedMerge(match[1], int(match[2]))
