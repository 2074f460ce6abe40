"""Every environment that says so is production: a third one is guarded as `prod` is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.releases import manifest, release
from tiercel.domain.accounts.provisioning import policy_values, source_of
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.gitflow.back_merge import BackMerge, MergePreview, require_back_merge
from tiercel.domain.gitflow.branches import role_in
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.gitflow.tags import Tag
from tiercel.domain.gitflow.versions import Version
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Environment, Topology
from tiercel.domain.release.promotion import (
    purpose_in,
    require_newer,
    require_promoted,
    require_pulled,
    require_verified,
)
from tiercel.domain.review.statuses import refused_status
from tiercel.domain.stack.states import StackGoal, StackStatus, decide
from tiercel.domain.triggers.events import BranchMoved
from tiercel.domain.triggers.rules import action_for

ENVIRONMENT = """
[environments.{name}]
branch = "{branch}"
region = "eu-central-1"
infrastructure_account = "{first}"
runtime_account = "{second}"
external_id = "acme-{name}-secret"
"""


def described(name: str, branch: str, number: int, more: str = "") -> str:
    first, second = (f"{2 * number + side:012}" for side in range(2))
    return ENVIRONMENT.format(name=name, branch=branch, first=first, second=second) + more


def parsed(third: str) -> Topology:
    return parse_topology(
        "organization = { name = 'acme', repositories = ['acme/shop'] }"
        + described("preprod", "develop", 1)
        + described("prod", "main", 2)
        + third
    )


PULLS = 'production = true\npromotes_from = "preprod"\n'
GUARDED = parsed(described("live", "stable", 3, PULLS))
PLAIN = parsed(described("live", "stable", 3))

Rule = Callable[[Topology, str], Any]


def _environment(topology: Topology, name: str) -> Environment:
    return topology.environment(name)


def _pull_request(topology: Topology, name: str) -> PullRequest:
    return PullRequest(
        repository="acme/shop",
        number=1,
        title="",
        author="",
        url="",
        is_open=True,
        merged=False,
        mergeable=True,
        head_branch="feature/tea",
        head_commit="1" * 40,
        base_branch=_environment(topology, name).branch,
    )


def _refused(check: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(RefusedInputError) as error:
        check()
    return error.value.what, error.value.state


def _gates(topology: Topology, name: str) -> list[tuple[str, str]]:
    """Every refusal of a promotion, as the flow asks for it."""
    source, verified = _environment(topology, name).promotes_from, release(None)
    due = BackMerge(version="1.0.0", preview=MergePreview(lacking_commits=1, changes_content=True))
    return [
        _refused(lambda: require_verified({"orders": None}, "acme/shop", "1" * 40, source, name)),
        _refused(lambda: require_promoted(None, verified, source, name)),
        _refused(lambda: require_pulled(manifest(), verified, source, name)),
        _refused(
            lambda: require_newer(
                Tag(name="v1.0.0", commit="2" * 40, version=Version(1, 0, 0)), [], "1" * 40, name
            )
        ),
        _refused(lambda: require_back_merge(due, name, hotfix=False)),
    ]


def _decisions(topology: Topology, name: str) -> list[object]:
    production = _environment(topology, name).production
    return [
        decide(status, intent, production=production)
        for status in (None, *StackStatus)
        for intent in StackGoal
    ]


RULES: dict[str, Rule] = {
    "what is done about a stack": _decisions,
    "what its branch is for": lambda topology, name: role_in(
        topology, _environment(topology, name).branch
    ),
    "what a moved branch calls for": lambda topology, name: action_for(
        BranchMoved("acme/shop", _environment(topology, name).branch, "0" * 40, "1" * 40), topology
    ),
    "which pull requests it takes": lambda topology, name: refused_status(
        _pull_request(topology, name), "1" * 40, topology
    ),
    "what a release is for": lambda topology, name: purpose_in(_environment(topology, name)),
    "where it pulls from": source_of,
    "whom the source lets in": lambda topology, name: (
        Names.of(topology, name).prefix + "orchestrator"
        in policy_values(topology, "preprod")["puller_role_arns"]
    ),
    "what its policies name as source": lambda topology, name: policy_values(topology, name)[
        "source_bucket"
    ],
}


def alike(found: object, name: str) -> str:
    """Text in which the environment's own name and branch do not show."""
    branch = {"live": "stable", "prod": "main"}[name]
    return re.sub(rf"\b{name}\b", "NAME", re.sub(rf"\b{branch}\b", "BRANCH", repr(found)))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_third_environment_that_is_production_is_guarded_as_prod_is(rule: Rule) -> None:
    assert alike(rule(GUARDED, "live"), "live") == alike(rule(GUARDED, "prod"), "prod")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_third_environment_that_does_not_say_so_is_not(rule: Rule) -> None:
    assert alike(rule(PLAIN, "live"), "live") != alike(rule(PLAIN, "prod"), "prod")


def test_every_refusal_of_a_promotion_names_the_environment_that_is_meant() -> None:
    here, there = _gates(GUARDED, "prod"), _gates(GUARDED, "live")
    assert [alike(one, "live") for one in there] == [alike(one, "prod") for one in here]
    assert all("live" in state for _, state in there)
    assert not any("prod" in state.replace("preprod", "") for _, state in there)


def test_two_pullers_of_one_source_are_both_let_in() -> None:
    values = policy_values(GUARDED, "preprod")
    assert values["puller_roots"].split('", "') == [
        f"arn:aws:iam::{GUARDED.environment(name).infrastructure_account}:root"
        for name in ("prod", "live")
    ]
    assert len(values["puller_role_arns"].split('", "')) == 2
