"""What a pull request is told in situations that teams of GitFlow come into, and odd ones."""

from __future__ import annotations

import pytest

from tests.support.topology import topology_of
from tiercel.domain.gitflow.back_merge import BackMerge, MergePreview
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.gitflow.tags import parse_tag
from tiercel.domain.review.promotions import judged_promotion, verified_first
from tiercel.domain.review.statuses import Status, StatusState, refused_status, summary_status

HEAD = "a" * 40
TOPOLOGY = topology_of("acme/*")


def pull(head: str, base: str, *, from_fork: bool = False) -> PullRequest:
    return PullRequest(
        repository="acme/shop",
        number=7,
        title="Do it",
        author="ada",
        url="",
        is_open=True,
        merged=False,
        mergeable=True,
        head_branch=head,
        head_commit=HEAD,
        base_branch=base,
        from_fork=from_fork,
    )


def promoted(head: str, released: str, *, back: bool) -> Status:
    """What is said of a pull request into main, after these releases, the last one back or not."""
    tags = [tag for name in released.split() if (tag := parse_tag(name, "b" * 40, "shop"))]
    preview = MergePreview(lacking_commits=2, changes_content=not back)
    due = BackMerge(version=tags[-1].name, preview=preview, pull_request=3) if tags else None
    return judged_promotion("prod", tags, head, due)


@pytest.mark.parametrize(
    ("head", "released", "back", "said"),
    [
        ("release/1.0.0", "", True, "would be released as v1.0.0"),
        ("release/spring", "", True, "would be released as v0.1.0"),
        ("release/1.5.0", "1.4.0", True, "would be released as 1.5.0"),
        ("release/v1.5.0", "1.4.0", True, "would be released as 1.5.0"),
        ("release/1.5.0", "v1.4.0", True, "would be released as v1.5.0"),
        ("release/spring", "1.4.0", True, "would be released as 1.5.0"),
        ("hotfix/login", "1.4.0", True, "would be released as 1.4.1"),
        ("hotfix/log4j-2.17.1", "1.4.0", True, "would be released as 1.4.1"),
        ("hotfix/1.4.1", "1.4.0 1.5.0-rc.1", True, "would be released as 1.4.1"),
        ("hotfix/1.4.1", "1.4.0", False, "would be released as 1.4.1"),
        ("release/1.2", "1.4.0", True, "`1.2` is not a version"),
        ("release/2.0.0-rc.1", "1.4.0", True, "`2.0.0-rc.1` is not a version"),
        ("release/V2.0.0", "1.4.0", True, "`V2.0.0` is not a version"),
        ("release/shop-2.0.0", "1.4.0", True, "`shop-2.0.0` is not a version"),
        ("hotfix/1.2.1-login", "1.2.0", True, "`1.2.1-login` is not a version"),
        ("hotfix/1.4.1/second", "1.4.0", True, "`1.4.1/second` is not a version"),
        ("release/1.4.0", "1.4.0", True, "version 1.4.0 was released already"),
        ("release/v1.4.0", "1.4.0", True, "version 1.4.0 was released already"),
        ("release/1.4.0", "shop-1.4.0", True, "version 1.4.0 was released already"),
        ("release/1.3.9", "v1.4.0", True, "version 1.3.9 is lower than 1.4.0"),
        ("hotfix/1.4.1", "1.4.0 1.5.0", True, "version 1.4.1 is lower than 1.5.0"),
        ("release/1.5.0", "1.4.0", False, "release 1.4.0 is not merged back into develop"),
        (
            "release/1.2", "1.4.0", False,
            "`1.2` is not a version; release 1.4.0 is not merged back into develop",
        ),
    ],
)  # fmt: skip
def test_a_pull_request_into_production_is_told_what_its_promotion_will_say(
    head: str, released: str, back: bool, said: str
) -> None:
    status = promoted(head, released, back=back)
    assert status.description == said
    taken = said.startswith("would be released as ")
    assert status.state is (StatusState.SUCCESS if taken else StatusState.FAILURE)
    assert bool(status.details) is not taken
    assert summary_status([], [status]).state is status.state


@pytest.mark.parametrize(
    ("head", "brought", "is_refused"),
    [
        ("hotfix/1.4.1", [], False),
        ("hotfix/1.4.1", ["c" * 40], True),
        ("hotfix/login", ["c" * 40] * 5, True),
        ("release/1.5.0", ["c" * 40], False),
    ],
)
def test_a_hotfix_brings_nothing_of_develop_that_production_lacks(
    head: str, brought: list[str], is_refused: bool
) -> None:
    status = judged_promotion("prod", [], head, None, brought)
    assert (status.state is StatusState.FAILURE) is is_refused
    assert ("cherry-pick" in status.details) is is_refused


@pytest.mark.parametrize(
    ("head", "base", "fork", "is_taken"),
    [
        ("release/1.5.0", "main", False, True),
        ("hotfix/1.4.1", "main", False, True),
        ("develop", "main", False, False),
        ("feature/x", "main", False, False),
        ("Release/1.5.0", "main", False, False),
        ("releases/1.5.0", "main", False, False),
        ("release", "main", False, False),
        ("main", "develop", False, True),
        ("develop", "develop", False, False),
        ("main", "develop", True, True),
        ("develop", "develop", True, True),
        ("develop", "main", True, False),
        ("main", "main", True, False),
    ],
)
def test_a_branch_is_taken_where_gitflow_lets_it_in(
    head: str, base: str, fork: bool, is_taken: bool
) -> None:
    found = refused_status(pull(head, base, from_fork=fork), HEAD, TOPOLOGY)
    assert (found is None) is is_taken


def test_what_develop_never_runs_is_to_be_verified_as_a_candidate_first() -> None:
    judged = judged_promotion("prod", [], "hotfix/0.1.1", None)
    status = verified_first(judged, "acme/shop", "hotfix/0.1.1")
    command = "tiercel candidate acme/shop hotfix/0.1.1"
    assert status.short == f"would be released as v0.1.1, once verified: {command}"
    refused = judged_promotion("prod", [], "hotfix/0.1", None)
    assert verified_first(refused, "acme/shop", "hotfix/0.1") == refused
