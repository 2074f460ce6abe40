"""How a repository is protected, as it was read from GitHub."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from tiercel.domain.base.values import Frozen
from tiercel.domain.protection.rules import (
    EVERY_METHOD,
    WRITE_ROLE,
    BypassActor,
    Demands,
    MergeStyle,
    Rule,
    demands_of,
)

CLASSIC = "branch protection"


class Passable(StrEnum):
    """Whether anybody may do what a guard forbids."""

    NOBODY = "nobody"
    UNKNOWN = "unknown"
    SOMEBODY = "somebody"


class BranchGuard(Frozen):
    """What guards a branch: its branch protection, or a ruleset that is in force for it."""

    name: str
    demands: Demands
    passable: Passable
    who: str = ""
    writers_pass: bool = False


class Ruleset(Frozen):
    """A ruleset of the repository itself; without `bypass` GitHub does not say who may pass it."""

    id: int
    name: str
    is_active: bool
    rules: tuple[Rule, ...] = ()
    bypass: tuple[BypassActor, ...] | None = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def guard(self) -> BranchGuard:
        """Return how it guards the branches that it is for."""
        return ruleset_guard(self.name, self.rules, self.bypass)


def ruleset_guard(
    name: str, rules: tuple[Rule, ...], bypass: tuple[BypassActor, ...] | None
) -> BranchGuard:
    """Return a ruleset as what guards a branch."""
    if bypass is None:
        return BranchGuard(name=name, demands=demands_of(rules), passable=Passable.UNKNOWN)
    writers = BypassActor(kind="RepositoryRole", identifier=WRITE_ROLE)
    return BranchGuard(
        name=name,
        demands=demands_of(rules),
        passable=Passable.SOMEBODY if bypass else Passable.NOBODY,
        who=", ".join(one.words for one in bypass),
        writers_pass=any(one.words == writers.words for one in bypass),
    )


class RefLimit(Frozen):
    """A pattern of the branches or tags that may use a GitHub environment; `id` is GitHub's."""

    pattern: str
    is_tag: bool = False
    id: int = 0


class GitHubEnvironment(Frozen):
    """An environment of the repository, with what has to be said again when it is changed.

    Without `limits` every branch may use it, or with `protected_only` every protected one.
    """

    name: str
    limits: tuple[RefLimit, ...] | None = None
    protected_only: bool = False
    wait_minutes: int = 0
    reviewers: tuple[tuple[str, int], ...] = ()
    prevent_self_review: bool = False


class ProtectionState(Frozen):
    """Everything that is compared.

    `guards` has for each subject those of each branch that stands for it. `own` are the rulesets
    that bear our names, whatever they say. An environment that is not there is None. The ids are
    GitHub's, and so is `spelt`, the name as GitHub writes it, empty if it is not known.
    """

    repository: str
    spelt: str = ""
    owner_id: int = 0
    id: int = 0
    methods: frozenset[MergeStyle] = EVERY_METHOD
    guards: dict[str, tuple[tuple[BranchGuard, ...], ...]]
    own: dict[str, Ruleset] = Field(default_factory=dict)
    environments: dict[str, GitHubEnvironment | None]
