"""A pull request, and what can be said of it before anything is built."""

from __future__ import annotations

from collections.abc import Iterable

from tiercel.domain.base.values import Frozen


class PullRequest(Frozen):
    """What matters of a pull request; names and titles are hostile text.

    The head of one `from_fork` is a branch of another repository, whatever it is called. The
    `author` is a name, which may be given to somebody else; `author_id` stays, 0 if nobody has it.
    """

    repository: str
    number: int
    title: str
    author: str
    author_id: int = 0
    url: str
    is_open: bool
    merged: bool
    mergeable: bool | None
    head_branch: str
    head_commit: str
    base_branch: str
    base_commit: str = ""
    merge_commit: str = ""
    from_fork: bool = False
    labels: tuple[str, ...] = ()


def bringing_pull(pulls: Iterable[PullRequest], commit: str, base: str) -> PullRequest | None:
    """Return the pull request whose merge into `base` made the commit, None after a plain push."""
    for pull in pulls:
        if pull.merged and pull.base_branch == base and pull.merge_commit == commit:
            return pull
    return None


def bringing_branch(pulls: Iterable[PullRequest], commit: str, base: str) -> str | None:
    """Return the branch whose merge into `base` made the commit, None after a plain push."""
    pull = bringing_pull(pulls, commit, base)
    return pull.head_branch if pull else None
