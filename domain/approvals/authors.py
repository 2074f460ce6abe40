"""Who wrote what a promotion brings: those who opened its pull requests, and those who pushed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tiercel.domain.base.values import Frozen
from tiercel.domain.gitflow.pull_requests import PullRequest

PUSHES = frozenset({"push", "force_push", "branch_creation"})
"""The activities by which commits come to a branch, but for merges: to merge is not to write.

https://docs.github.com/rest/repos/repos#list-repository-activities
"""
MOST_COMMITS = 1_000
"""Of a promotion, whose pull requests are looked up for authors: GitHub is asked for each commit.

None is left out because its pull request is known already. It may have come by another one before.
"""


class BranchPush(Frozen):
    """What somebody pushed: `actor` is the account's number, None for one that is gone."""

    actor: int | None
    after: str


def pushed_branches(pulls: Iterable[PullRequest], shared: Collection[str]) -> frozenset[str]:
    """Return the branches that pull requests came from, without those that everybody shares.

    A fork's branches are another repository's, which the worker may not read.
    """
    return frozenset(one.head_branch for one in pulls if not one.from_fork) - frozenset(shared)


def authors_of(
    pulls: Iterable[PullRequest],
    own: Iterable[BranchPush],
    shared: Iterable[BranchPush],
    commits: Collection[str],
) -> frozenset[int]:
    """Return the accounts of authors: of whoever opened, or pushed to a pull request's own branch.

    Of what went to a shared branch only pushes count that end in one of the promoted `commits`.
    """
    promoted = frozenset(commits)
    pushes = [*own, *(one for one in shared if one.after in promoted)]
    found = [*(one.author_id for one in pulls), *(one.actor for one in pushes)]
    return frozenset(one for one in found if one)
