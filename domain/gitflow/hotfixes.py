"""What a hotfix may bring: it starts at production."""

from __future__ import annotations

from collections.abc import Collection

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.text import printable
from tiercel.domain.gitflow.branches import is_hotfix

_LONGEST_SHOWN = 80


def require_from_production(branch: str, brought: Collection[str], develop: str) -> None:
    """Raise RefusedInputError for a hotfix that started at develop.

    `brought` are the merges by which develop grew that the branch has and production lacks. It
    would release what they brought without a release branch, and without the back-merge that a
    release waits for.
    """
    if not brought or not is_hotfix(branch):
        return
    shown = ", ".join(short_commit(sha) for sha in list(brought)[:3])
    raise RefusedInputError(
        "promotion.hotfix_of_develop",
        f"the hotfix brings {len(brought)} merges of {develop} that production lacks",
        where=f"branch {printable(branch, _LONGEST_SHOWN)}",
        why=f"it started at {develop} or had it merged into it: {shown}",
        state="nothing was released",
        remedy="start a hotfix at production and cherry-pick the fix onto it; what "
        f"{develop} has comes with a release branch",
    )
