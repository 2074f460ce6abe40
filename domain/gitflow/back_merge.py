"""What a release still owes to `develop`."""

from __future__ import annotations

from enum import StrEnum

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.values import Frozen


class MergePreview(Frozen):
    """What merging a commit into a branch would do.

    A merge that changes no content brings only history: the branch has what the commit
    has, be it by a squash. `conflicts` are the paths that git cannot merge by itself.
    """

    lacking_commits: int
    changes_content: bool
    conflicts: tuple[str, ...] = ()


class BackMerge(Frozen):
    """An earlier release, what `develop` lacks of it, and the pull request that brings it."""

    version: str
    preview: MergePreview
    pull_request: int | None = None


class BackMergeStep(StrEnum):
    """What becomes of a back-merge that may be due."""

    NOTHING = "nothing"
    STANDS = "stands"
    OPEN = "open"


def back_merge_step(earlier: BackMerge | None) -> BackMergeStep:
    """Return what has to be done so that develop gets what the newest release has.

    Its pull request is opened again when somebody has closed it, and when develop has moved on
    and lacks now what it had when the release was made.
    """
    if earlier is None or not earlier.preview.changes_content:
        return BackMergeStep.NOTHING
    return BackMergeStep.STANDS if earlier.pull_request else BackMergeStep.OPEN


def require_back_merge(earlier: BackMerge | None, target: str, *, hotfix: bool) -> None:
    """Raise RefusedInputError while an earlier release is not back in develop.

    Otherwise the next release would lose what the earlier one fixed. A hotfix does not
    wait, and a release whose content develop has needs no merge.
    """
    if earlier is None or hotfix or not earlier.preview.changes_content:
        return
    number = f"pull request #{earlier.pull_request}" if earlier.pull_request else "the back-merge"
    raise RefusedInputError(
        "promotion.back_merge_missing",
        f"release {earlier.version} is not merged back into develop",
        why=f"develop lacks {earlier.preview.lacking_commits} of its commits, and their content",
        state=f"nothing was changed in {target}",
        remedy=f"merge {number} into develop, then promote again",
    )
