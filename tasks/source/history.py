"""What a mirror's history says: which commits a release brings, what a merge would do."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from tiercel.domain.gitflow.back_merge import MergePreview
from tiercel.tasks.engine.processes import Ended
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.source.git import run_git
from tiercel.tasks.source.mirrors import references_of
from tiercel.tasks.source.repository import Commit, reading

_HAS_CONFLICTS = 1


@world_task("list commits of release", "list commits since {base:.7}")
def commits_since(commit: Commit, base: str) -> list[str]:
    """Return the ids of the commits that `commit` has and `base` lacks, the newest first.

    A base that the mirror does not have, or an empty one, stands for what the branch had
    before: the first parent.
    """
    if not base or not _exists(commit, base):
        parents = _asked(commit, "rev-list", "--parents", "-n", "1", commit.sha)
        base = next(iter(parents.split()[1:]), "")
    without = [f"^{base}"] if base else []
    return _asked(commit, "rev-list", commit.sha, *without, "--").split()


@world_task("read commit times", "read times of commits since {base:.7}")
def commit_times(commit: Commit, base: str) -> list[datetime]:
    """Return when the commits were made that `commit` has and `base` lacks, merges left out.

    It is the committer's date. None are known of a base that the mirror does not have.
    """
    if not _exists(commit, base):
        return []
    asked = ("rev-list", "--no-merges", "--timestamp", commit.sha, f"^{base}", "--")
    lines = _asked(commit, *asked).splitlines()
    return [datetime.fromtimestamp(int(line.split()[0]), UTC) for line in lines]


@world_task("compare commits", "is {commit.sha:.7} older than {sha:.7}")
def contains_commit(commit: Commit, sha: str) -> bool | None:
    """Tell whether `sha` is a later commit that contains `commit`; None if the mirror lacks it."""
    if sha == commit.sha:
        return False
    if not _exists(commit, sha):
        return None
    ancestry = ("merge-base", "--is-ancestor", commit.sha, sha)
    return run_git(commit.mirror, *ancestry, check=False).returncode == 0


@world_task("list newer commits", "list commits of {branch} after {commit.sha:.7}")
def commits_after(commit: Commit, branch: str, most: int) -> list[str]:
    """Return the commits by which a branch grew since `commit`, the newest first.

    Only the branch's own steps are told, not what was merged. At most `most` of them.
    """
    tip = _tip(commit, branch)
    grown = ("rev-list", "--first-parent", f"--max-count={most}", tip, f"^{commit.sha}", "--")
    return _asked(commit, *grown).split() if tip else []


@world_task("list merges", "list merges into {branch} that {head:.7} brings")
def brought_merges(commit: Commit, head: str, branch: str) -> list[str]:
    """Return the merges by which a branch grew that `head` has and `commit` lacks.

    None are known of a head that the mirror does not have, such as one of a fork.
    """
    tip = _tip(commit, branch)
    if not tip or not _exists(commit, head):
        return []
    beyond = ("--merges", f"^{commit.sha}", "--")
    grown = _asked(commit, "rev-list", "--first-parent", tip, *beyond).split()
    has = set(_asked(commit, "rev-list", head, *beyond).split())
    return [sha for sha in grown if sha in has]


@world_task("preview merge", "preview merge of {sha:.7} into {branch}")
def preview_merge(commit: Commit, sha: str, branch: str) -> MergePreview | None:
    """Return what merging `sha` into a branch would do; None if one of them does not exist.

    git merges without a work tree, as https://git-scm.com/docs/git-merge-tree describes.
    """
    target = _tip(commit, branch)
    if not (target and _exists(commit, sha)):
        return None
    lacking = _asked(commit, "rev-list", "--count", sha, f"^{target}", "--")
    merged = _merged(commit, target, sha)
    if merged.returncode not in (0, _HAS_CONFLICTS):
        # Histories without a common commit: git refuses to merge them at all.
        return MergePreview(lacking_commits=int(lacking), changes_content=True)
    tree, *conflicts = (os.fsdecode(name) for name in merged.stdout.split(b"\0") if name)
    before = _asked(commit, "rev-parse", f"{target}^{{tree}}").strip()
    return MergePreview(
        lacking_commits=int(lacking),
        changes_content=bool(conflicts) or tree != before,
        conflicts=tuple(conflicts),
    )


def _merged(commit: Commit, target: str, sha: str) -> Ended:
    options = ("--write-tree", "--name-only", "--no-messages", "-z")
    return run_git(commit.mirror, "merge-tree", *options, target, sha, check=False)


def _tip(commit: Commit, branch: str) -> str:
    """Return the newest commit that a branch had when its mirror was fetched."""
    return references_of(commit.mirror).get(f"refs/heads/{branch}", "")


def _asked(commit: Commit, *arguments: str) -> str:
    return reading(commit, lambda: run_git(commit.mirror, *arguments)).stdout.decode()


def _exists(commit: Commit, revision: str) -> bool:
    name = f"{revision}^{{commit}}"
    return run_git(commit.mirror, "cat-file", "-e", name, check=False).returncode == 0
