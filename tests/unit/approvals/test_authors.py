from __future__ import annotations

import pytest

from tiercel.domain.approvals.authors import BranchPush, authors_of, pushed_branches
from tiercel.domain.gitflow.pull_requests import PullRequest

IN, OUT = "1" * 40, "2" * 40
SHARED = {"develop", "main"}


def pull(branch: str, author: int = 1, *, from_fork: bool = False) -> PullRequest:
    return PullRequest(
        repository="acme/shop",
        number=1,
        title="",
        author="ada",
        author_id=author,
        url="",
        is_open=False,
        merged=True,
        mergeable=None,
        head_branch=branch,
        head_commit=IN,
        base_branch="main",
        from_fork=from_fork,
    )


@pytest.mark.parametrize(
    ("pulls", "branches"),
    [
        ([], set()),
        ([pull("feature/x"), pull("feature/y")], {"feature/x", "feature/y"}),
        ([pull("develop")], set()),
        ([pull("feature/x", from_fork=True)], set()),
    ],
)
def test_branches_of_pull_requests_are_their_own_unless_everybody_shares_them(
    pulls: list[PullRequest], branches: set[str]
) -> None:
    assert pushed_branches(pulls, SHARED) == branches


@pytest.mark.parametrize(
    ("own", "shared", "authors"),
    [
        ([], [], {1}),
        ([BranchPush(actor=2, after=OUT)], [], {1, 2}),
        ([BranchPush(actor=None, after=IN)], [], {1}),
        ([], [BranchPush(actor=3, after=IN)], {1, 3}),
        ([], [BranchPush(actor=3, after=OUT)], {1}),
    ],
)
def test_authors_are_those_who_opened_or_pushed_what_is_promoted(
    own: list[BranchPush], shared: list[BranchPush], authors: set[int]
) -> None:
    assert authors_of([pull("feature/x")], own, shared, [IN]) == authors


def test_an_account_that_is_gone_is_nobody() -> None:
    assert authors_of([pull("feature/x", author=0)], [], [], []) == frozenset()
