from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.gitflow.branches import (
    BranchRole,
    MergeAllowed,
    MergeRefused,
    candidate_branches,
    classify,
    judge_merge,
    role_in,
)
from tiercel.domain.organization.topology import Environment, Organization, Topology
from tiercel.domain.triggers.actions import (
    Action,
    Nothing,
    Promote,
    PublishAndDeploy,
    VerifyPullRequest,
)
from tiercel.domain.triggers.events import BranchMoved, Event, PullRequestChanged, PullRequestClosed
from tiercel.domain.triggers.rules import action_for

OLD, NEW, NONE = "1" * 40, "2" * 40, "0" * 40


def environment(name: str, branch: str, digit: int) -> Environment:
    return Environment(
        name=name,
        branch=branch,
        region="eu-central-1",
        infrastructure_account=str(digit) * 12,
        runtime_account=str(digit + 1) * 12,
        external_id=f"acme-{name}",
    )


TOPOLOGY = Topology(
    organization=Organization(name="acme", repositories=("acme/shop",)),
    environments={
        "preprod": environment("preprod", "develop", 1),
        "prod": environment("prod", "main", 3),
        "trial": environment("trial", "support/1.x", 5),
    },
)
UNUSUAL = Topology(
    organization=Organization(name="acme", repositories=("acme/shop",)),
    environments={
        "preprod": environment("preprod", "next", 1),
        "prod": environment("prod", "release/stable", 3),
    },
)


@pytest.mark.parametrize(
    ("branch", "role"),
    [
        ("master", BranchRole.PRODUCTION),
        ("main", BranchRole.PRODUCTION),
        ("develop", BranchRole.DEVELOPMENT),
        ("feature/login", BranchRole.FEATURE),
        ("feature/deep/er", BranchRole.FEATURE),
        ("bugfix/login", BranchRole.BUGFIX),
        ("release/1.2.0", BranchRole.RELEASE),
        ("hotfix/1.2.1", BranchRole.HOTFIX),
        ("support/1.x", BranchRole.SUPPORT),
        ("feature", BranchRole.OTHER),
        ("feature/", BranchRole.OTHER),
        ("features/login", BranchRole.OTHER),
        ("Feature/login", BranchRole.OTHER),
        ("Master", BranchRole.OTHER),
        ("master/x", BranchRole.OTHER),
        ("develop/x", BranchRole.OTHER),
        ("my/feature/login", BranchRole.OTHER),
        ("dependabot/pip/boto3-2", BranchRole.OTHER),
        ("", BranchRole.OTHER),
    ],
)
def test_the_name_of_a_branch_tells_its_role(branch: str, role: BranchRole) -> None:
    assert classify(branch) is role


@pytest.mark.parametrize(
    ("topology", "branch", "role"),
    [
        (TOPOLOGY, "main", BranchRole.PRODUCTION),
        (TOPOLOGY, "develop", BranchRole.DEVELOPMENT),
        (TOPOLOGY, "feature/login", BranchRole.FEATURE),
        (UNUSUAL, "next", BranchRole.DEVELOPMENT),
        (UNUSUAL, "release/stable", BranchRole.PRODUCTION),
        (UNUSUAL, "release/1.2.0", BranchRole.RELEASE),
    ],
)
def test_the_branch_of_an_environment_has_the_role_of_the_environment(
    topology: Topology, branch: str, role: BranchRole
) -> None:
    assert role_in(topology, branch) is role


@given(st.text(max_size=300))
def test_every_text_has_exactly_one_role(branch: str) -> None:
    assert classify(branch) in BranchRole


# A row is the head, a column the base: y allowed, b allowed and merged back, - refused.
MERGES = """
             production development feature bugfix release hotfix support other
production   -          y           y       y      y       y      -       y
development  -          -           y       y      -       -      -       y
feature      -          y           y       y      -       -      -       y
bugfix       -          y           y       y      y       y      y       y
release      b          y           y       y      -       -      y       y
hotfix       b          y           y       y      y       y      y       y
support      -          -           y       y      -       -      -       y
other        -          y           y       y      -       -      -       y
"""


def merge_table() -> list[tuple[BranchRole, BranchRole, str]]:
    header, *rows = (line.split() for line in MERGES.strip().splitlines())
    return [
        (BranchRole(head), BranchRole(base), cell)
        for head, *cells in rows
        for base, cell in zip(header, cells, strict=True)
    ]


def test_the_table_of_merges_names_every_pair_of_roles() -> None:
    pairs = {(head, base) for head, base, _ in merge_table()}
    assert pairs == {(head, base) for head in BranchRole for base in BranchRole}


@pytest.mark.parametrize(("head", "base", "cell"), merge_table())
def test_a_merge_is_judged_as_in_the_table(head: BranchRole, base: BranchRole, cell: str) -> None:
    verdict = judge_merge(head, base)
    if cell == "-":
        assert isinstance(verdict, MergeRefused)
        assert verdict.reason
        assert verdict.remedy
    else:
        assert verdict == MergeAllowed(back_merge=cell == "b")


def test_a_refused_merge_of_develop_into_production_says_to_cut_a_release_branch() -> None:
    verdict = judge_merge(classify("develop"), classify("master"))
    assert isinstance(verdict, MergeRefused)
    assert "cut a release branch from develop" in verdict.remedy


def test_a_refused_merge_of_a_feature_into_production_says_how_it_gets_there() -> None:
    verdict = judge_merge(classify("feature/login"), classify("main"))
    assert isinstance(verdict, MergeRefused)
    assert "develop" in verdict.remedy
    assert "hotfix/<version>" in verdict.remedy


def opened(base: str, repository: str = "acme/shop") -> PullRequestChanged:
    return PullRequestChanged(repository, 7, "feature/login", base, NEW, OLD)


def closed(*, merged: bool) -> PullRequestClosed:
    return PullRequestClosed("acme/shop", 7, "develop", merged)


def moved(branch: str, before: str = OLD, after: str = NEW) -> BranchMoved:
    return BranchMoved("acme/shop", branch, before, after)


@pytest.mark.parametrize(
    ("event", "action"),
    [
        (opened("develop"), VerifyPullRequest("preprod", "acme/shop", 7, "develop", NEW, OLD)),
        (opened("main"), VerifyPullRequest("prod", "acme/shop", 7, "main", NEW, OLD)),
        (
            opened("support/1.x"),
            VerifyPullRequest("trial", "acme/shop", 7, "support/1.x", NEW, OLD),
        ),
        (moved("develop"), PublishAndDeploy("preprod", "acme/shop", NEW)),
        (moved("develop", before=NONE), PublishAndDeploy("preprod", "acme/shop", NEW)),
        (moved("support/1.x"), PublishAndDeploy("trial", "acme/shop", NEW)),
        (moved("main"), Promote("prod", "preprod", "acme/shop", NEW)),
        (moved("main", before=NONE), Promote("prod", "preprod", "acme/shop", NEW)),
    ],
)
def test_an_event_on_the_branch_of_an_environment_calls_for_its_action(
    event: Event, action: Action
) -> None:
    assert action_for(event, TOPOLOGY) == action


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (opened("feature/other"), "feeds no environment"),
        (opened("master"), "feeds no environment"),
        (opened("develop", "evil/shop"), "organization.repositories"),
        (closed(merged=True), "the base branch moved"),
        (closed(merged=False), "without a merge"),
        (moved("feature/login"), "feeds no environment"),
        (moved("develop/x"), "feeds no environment"),
        (moved("refs/heads/develop"), "feeds no environment"),
        (moved("develop", NEW, NEW), "did not move"),
        (BranchMoved("acme/shop", "develop", OLD, NONE, deleted=True), "deleted"),
        (BranchMoved("acme/shop", "main", OLD, NEW, deleted=True), "deleted"),
        (BranchMoved("evil/shop", "main", OLD, NEW), "organization.repositories"),
        (BranchMoved("acme/shop2", "main", OLD, NEW), "organization.repositories"),
        (BranchMoved("", "main", OLD, NEW), "organization.repositories"),
    ],
)
def test_any_other_event_calls_for_nothing_and_says_why(event: Event, reason: str) -> None:
    action = action_for(event, TOPOLOGY)
    assert isinstance(action, Nothing)
    assert reason in action.reason


@given(st.text(), st.text(), st.booleans())
def test_only_the_production_branch_ever_reaches_production(
    repository: str, branch: str, deleted: bool
) -> None:
    for name in (repository, "acme/shop"):
        action = action_for(BranchMoved(name, branch, OLD, NEW, deleted), TOPOLOGY)
        if branch != "main":
            assert not isinstance(action, Promote)
            assert getattr(action, "environment", "") != "prod"


def test_deleting_a_branch_by_its_zero_commit_alone_deploys_nothing() -> None:
    action = action_for(moved("develop", after=NONE), TOPOLOGY)
    assert isinstance(action, Nothing)


# `git check-ref-format --branch` of git 2.39 gives the same answers; only `@` it reads as HEAD.
@pytest.mark.parametrize(
    "name",
    [
        "develop",
        "feature/login",
        "a/b/c",
        "feature/日本語",
        "with@at",
        "a@",
        "{braces}",
        "semi;colon",
        "$(reboot)",
        "back`tick",
        "x.lock.y",
        "lock",
        "a-",
        "a/-b",
        "refs/heads/x",
        "head",
        "a/@",
        "a/HEAD",
        "a\u202eb",
        "a\u00a0b",
        "a\x80b",
        "x" * 244,
    ],
)
def test_git_accepts_the_name_for_a_branch(name: str) -> None:
    assert is_legal_branch(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@",
        "HEAD",
        "-x",
        "--upload-pack=x",
        "/x",
        "x/",
        "x//y",
        ".x",
        "x/.y",
        "x.",
        "x.lock",
        "x.lock/y",
        "x..y",
        "x@{y",
        "x y",
        "x\ty",
        "x\ny",
        "x\x00y",
        "x\x7fy",
        "x~1",
        "x^",
        "x:y",
        "x?",
        "x*",
        "x[y",
        "x\\y",
        "/",
        ".",
        "..",
    ],
)
def test_git_refuses_the_name_for_a_branch(name: str) -> None:
    assert not is_legal_branch(name)


def test_a_branch_name_may_have_255_bytes_and_not_one_more() -> None:
    assert is_legal_branch("é" * 127 + "x")
    assert not is_legal_branch("é" * 128)


@given(st.text(max_size=60))
def test_a_legal_branch_name_never_looks_like_an_option_or_leaves_its_folder(name: str) -> None:
    if is_legal_branch(name):
        assert not name.startswith(("-", "/"))
        assert ".." not in name
        assert not any(letter <= " " or letter == "\x7f" for letter in name)


def test_candidates_are_of_the_branches_that_reach_production_and_of_no_other() -> None:
    heads = [
        "hotfix/0.1.1", "develop", "release/1.3.0", "main", "master", "feature/x", "bugfix/y",
        "support/1.x", "release", "hotfix/", "Hotfix/2", "hotfix",
    ]  # fmt: skip
    assert candidate_branches(TOPOLOGY, heads) == ["main", "hotfix/0.1.1", "release/1.3.0"]
