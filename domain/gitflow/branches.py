"""GitFlow: what a branch is, where it may be merged, and which action an event calls for.

The rules are Vincent Driessen's, https://nvie.com/posts/a-successful-git-branching-model/:

- A feature starts at develop and returns to develop. Any branch that is not one of the
  others is a feature.
- A release branch starts at develop and ends in production and in develop. Only bug
  fixes may enter it; new features wait for the next release.
- A hotfix starts at production and ends in production and in develop, or in the release
  branch while there is one.

`bugfix/*` and `support/*` come from the git-flow tools: a bugfix is a feature that may
also enter a release branch; a support branch keeps an old version alive and is never
merged back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tiercel.domain.organization.topology import Environment, Topology


class BranchRole(StrEnum):
    """What a branch is for."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"
    FEATURE = "feature"
    BUGFIX = "bugfix"
    RELEASE = "release"
    HOTFIX = "hotfix"
    SUPPORT = "support"
    OTHER = "other"


_ROLES_BY_NAME = {
    "master": BranchRole.PRODUCTION,
    "main": BranchRole.PRODUCTION,
    "develop": BranchRole.DEVELOPMENT,
}
_ROLES_BY_PREFIX = {
    "feature": BranchRole.FEATURE,
    "bugfix": BranchRole.BUGFIX,
    "release": BranchRole.RELEASE,
    "hotfix": BranchRole.HOTFIX,
    "support": BranchRole.SUPPORT,
}
_EVERY_ROLE = frozenset(BranchRole)

# Base branch: the branches that may be merged into it.
_MAY_ENTER: dict[BranchRole, frozenset[BranchRole]] = {
    BranchRole.PRODUCTION: frozenset({BranchRole.RELEASE, BranchRole.HOTFIX}),
    BranchRole.DEVELOPMENT: frozenset(
        {
            BranchRole.FEATURE,
            BranchRole.BUGFIX,
            BranchRole.OTHER,
            BranchRole.RELEASE,
            BranchRole.HOTFIX,
            BranchRole.PRODUCTION,
        }
    ),
    BranchRole.RELEASE: frozenset({BranchRole.BUGFIX, BranchRole.HOTFIX, BranchRole.PRODUCTION}),
    BranchRole.HOTFIX: frozenset({BranchRole.BUGFIX, BranchRole.HOTFIX, BranchRole.PRODUCTION}),
    BranchRole.SUPPORT: frozenset({BranchRole.BUGFIX, BranchRole.HOTFIX, BranchRole.RELEASE}),
    BranchRole.FEATURE: _EVERY_ROLE,
    BranchRole.BUGFIX: _EVERY_ROLE,
    BranchRole.OTHER: _EVERY_ROLE,
}
_REMEDIES: dict[BranchRole, str] = {
    BranchRole.PRODUCTION: "merge it into develop and let the next release branch carry it; "
    "what cannot wait starts at the production branch as hotfix/<version>",
    BranchRole.DEVELOPMENT: "cherry-pick the commits onto a bugfix/<name> branch from develop",
    BranchRole.RELEASE: "merge it into develop, where it waits for the next release; "
    "a fix that this release needs comes as bugfix/<name>",
    BranchRole.HOTFIX: "put the fix alone on a bugfix/<name> branch that starts at the hotfix",
    BranchRole.SUPPORT: "cherry-pick the fix onto a bugfix/<name> branch from the support branch",
}
_CUT_A_RELEASE = (
    "cut a release branch from develop, release/<major>.<minor>.<patch>, and merge that one"
)


@dataclass(frozen=True)
class MergeAllowed:
    """GitFlow allows the merge; with `back_merge`, it also has to reach develop afterwards."""

    back_merge: bool = False


@dataclass(frozen=True)
class MergeRefused:
    """GitFlow forbids the merge; what to do instead is the remedy."""

    reason: str
    remedy: str


def classify(branch: str) -> BranchRole:
    """Return what a branch is for, by the names that GitFlow gives."""
    prefix, slash, rest = branch.partition("/")
    if slash and rest:
        return _ROLES_BY_PREFIX.get(prefix, BranchRole.OTHER)
    return _ROLES_BY_NAME.get(branch, BranchRole.OTHER)


def environment_fed_by(topology: Topology, branch: str) -> Environment | None:
    """Return the environment to which what is merged into a branch goes, if there is one."""
    for environment in topology.environments.values():
        if environment.branch == branch:
            return environment
    return None


def is_hotfix(branch: str | None) -> bool:
    """Tell whether a branch, if it is known, is a hotfix."""
    return branch is not None and classify(branch) is BranchRole.HOTFIX


def role_in(topology: Topology, branch: str) -> BranchRole:
    """Return what a branch is for, where the topology's own branches go before their names."""
    production = [one for one in topology.environments.values() if one.production]
    if branch in {one.branch for one in production}:
        return BranchRole.PRODUCTION
    if branch in {topology.environment(one.promotes_from).branch for one in production}:
        return BranchRole.DEVELOPMENT
    return classify(branch)


def role_of_head(topology: Topology, branch: str, *, from_fork: bool) -> BranchRole:
    """Return what the head of a pull request is for.

    A fork has a `main` and a `develop` of its own, on which people work as on any other branch.
    """
    role = role_in(topology, branch)
    if from_fork and role in {BranchRole.PRODUCTION, BranchRole.DEVELOPMENT}:
        return BranchRole.OTHER
    return role


def judge_merge(head: BranchRole, base: BranchRole) -> MergeAllowed | MergeRefused:
    """Return whether GitFlow allows a pull request from `head` into `base`."""
    if head in _MAY_ENTER[base]:
        return MergeAllowed(back_merge=base is BranchRole.PRODUCTION)
    if (head, base) == (BranchRole.DEVELOPMENT, BranchRole.PRODUCTION):
        return MergeRefused("develop is not merged into production directly", _CUT_A_RELEASE)
    return MergeRefused(f"GitFlow merges no {head} branch into a {base} branch", _REMEDIES[base])


def candidate_branches(topology: Topology, branches: Iterable[str]) -> list[str]:
    """Return those of the branches whose commits may be verified as candidates, each once.

    They are the ones that reach production: its own branch, which comes first, release branches
    and hotfixes. Nothing else is ever built and released to an environment that it does not feed.
    """
    production = {one.branch for one in topology.environments.values() if one.production}
    fed = {one.branch for one in topology.environments.values()}
    brought = {
        branch
        for branch in branches
        if branch not in fed and classify(branch) in (BranchRole.RELEASE, BranchRole.HOTFIX)
    }
    return [*sorted(production.intersection(branches)), *sorted(brought)]
