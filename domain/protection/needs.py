"""What the promise needs of GitHub, branch by branch and environment by environment.

Tiercel releases what is in a branch: that somebody else has looked at it is for GitHub to demand.
"""

from __future__ import annotations

from enum import StrEnum

from tiercel.domain.base.values import Frozen
from tiercel.domain.gitflow.merge_queues import MERGE_QUEUE
from tiercel.domain.organization.topology import Environment, Organization, Topology
from tiercel.domain.protection.rules import ADMIN_ROLE, MAINTAIN_ROLE, BypassActor, Rule
from tiercel.domain.review.statuses import required_context

CANDIDATES = ("release", "hotfix")
"""The branches of these prefixes are built and run in the environment that verifies."""
_PROBES = ("0.0.0", "0.0.0/probe")
"""Names that stand for all behind a prefix, with and without a further slash."""


class NeedKind(StrEnum):
    """What a branch needs; the value is how it is called."""

    REVIEW = "a review by somebody else"
    LAST_PUSH = "the last push approved by another"
    STALE = "stale reviews dismissed"
    CHECK = "status"
    NO_FORCE = "no force-push"
    NO_DELETION = "no deletion"
    MERGES = "merge commits alone"
    CREATION = "not started by everybody"


class BranchNeed(Frozen):
    """One thing that a branch needs; `context` of a status alone."""

    kind: NeedKind
    context: str = ""

    @property
    def words(self) -> str:
        """The need as the table has it."""
        return f"{self.kind} {self.context}" if self.context else str(self.kind)


class GuardedBranches(Frozen):
    """A branch, or all of a prefix; `probes` are branch names that stand for it."""

    name: str
    probes: tuple[str, ...]
    needs: tuple[BranchNeed, ...]


class WantedRuleset(Frozen):
    """The ruleset that fulfils needs where they are not fulfilled already."""

    name: str
    subjects: tuple[str, ...]
    include: tuple[str, ...]
    rules: tuple[Rule, ...]
    bypass: tuple[BypassActor, ...] = ()


class EnvironmentNeed(Frozen):
    """Who may use a GitHub environment: `branch`, and what may be beside it.

    `others` are branches, `prefixes` are those whose branches may use it too. Branches below those
    of `tolerated` keep what they can today, and get nothing that they have not.
    """

    name: str
    branch: str
    others: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()

    def allows(self, pattern: str) -> bool:
        """Tell whether the branches of a pattern may use it."""
        heads = tuple(f"{one}/" for one in (*self.prefixes, *self.tolerated))
        return pattern in (self.branch, *self.others) or bool(heads and pattern.startswith(heads))


class ProtectionNeeds(Frozen):
    """Everything that is needed of a repository."""

    subjects: tuple[GuardedBranches, ...]
    rulesets: tuple[WantedRuleset, ...]
    environments: tuple[EnvironmentNeed, ...]
    organization: Organization


def protection_needs(topology: Topology) -> ProtectionNeeds:
    """Return what an organization needs of each of its repositories."""
    environments = list(topology.environments.values())
    return ProtectionNeeds(
        subjects=(*map(_of_branch, environments), *map(_of_prefix, CANDIDATES)),
        rulesets=(*map(_ruleset_of, environments), _of_candidates(), _of_starters()),
        environments=tuple(_wanted(topology, one) for one in environments),
        organization=topology.organization,
    )


def _of_branch(environment: Environment) -> GuardedBranches:
    plain = (
        NeedKind.REVIEW,
        NeedKind.LAST_PUSH,
        NeedKind.STALE,
        NeedKind.NO_FORCE,
        NeedKind.NO_DELETION,
        NeedKind.MERGES,
    )
    check = BranchNeed(kind=NeedKind.CHECK, context=required_context(environment.name))
    needs = (*(BranchNeed(kind=kind) for kind in plain), check)
    return GuardedBranches(name=environment.branch, probes=(environment.branch,), needs=needs)


def _of_prefix(prefix: str) -> GuardedBranches:
    kinds = (
        NeedKind.REVIEW,
        NeedKind.LAST_PUSH,
        NeedKind.STALE,
        NeedKind.NO_FORCE,
        NeedKind.CREATION,
    )
    return GuardedBranches(
        name=f"{prefix}/*",
        probes=tuple(f"{prefix}/{one}" for one in _PROBES),
        needs=tuple(BranchNeed(kind=kind) for kind in kinds),
    )


def _reviewed(**more: object) -> Rule:
    return Rule(
        type="pull_request",
        parameters={
            "required_approving_review_count": 1,
            "dismiss_stale_reviews_on_push": True,
            "require_last_push_approval": True,
            "require_code_owner_review": False,
            "required_review_thread_resolution": False,
            **more,
        },
    )


def _ruleset_of(environment: Environment) -> WantedRuleset:
    context = {"context": required_context(environment.name)}
    checks = {
        "required_status_checks": [context],
        "strict_required_status_checks_policy": False,
    }
    return WantedRuleset(
        name=f"Tiercel: {environment.branch}",
        subjects=(environment.branch,),
        include=(f"refs/heads/{environment.branch}",),
        rules=(
            Rule(type="deletion"),
            Rule(type="non_fast_forward"),
            _reviewed(allowed_merge_methods=["merge"]),
            Rule(type="required_status_checks", parameters=checks),
        ),
    )


def _of_candidates() -> WantedRuleset:
    return WantedRuleset(
        name="Tiercel: release and hotfix branches",
        subjects=tuple(f"{one}/*" for one in CANDIDATES),
        include=_below(CANDIDATES),
        rules=(Rule(type="non_fast_forward"), _reviewed()),
    )


def _of_starters() -> WantedRuleset:
    return WantedRuleset(
        name="Tiercel: who starts release and hotfix branches",
        subjects=tuple(f"{one}/*" for one in CANDIDATES),
        include=_below(CANDIDATES),
        rules=(Rule(type="creation"),),
        bypass=tuple(
            BypassActor(kind="RepositoryRole", identifier=role)
            for role in (MAINTAIN_ROLE, ADMIN_ROLE)
        ),
    )


def _below(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the patterns for all branches below prefixes: `*` does not match a slash."""
    return tuple(f"refs/heads/{one}/{rest}" for one in prefixes for rest in ("*", "**/*"))


def _wanted(topology: Topology, environment: Environment) -> EnvironmentNeed:
    """Return who may use an environment's namesake on GitHub.

    Where candidates are verified, so may they; and the branches of what promotes from there, which
    are no less guarded: GitHub runs what starts on `pull_request_target` in the default branch.
    What a merge queue would merge is verified there as well, if there is one.
    """
    verifies = environment.name == topology.verifying.name
    pullers = topology.pullers_of(environment.name) if verifies else []
    return EnvironmentNeed(
        name=environment.name,
        branch=environment.branch,
        others=tuple(one.branch for one in pullers),
        prefixes=CANDIDATES if verifies else (),
        tolerated=(MERGE_QUEUE,) if verifies else (),
    )
