"""Compares how a repository is protected with what the promise needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tiercel.domain.accounts.findings import Verdict
from tiercel.domain.protection.findings import ProtectionFinding, ProtectionReport
from tiercel.domain.protection.needs import (
    BranchNeed,
    EnvironmentNeed,
    GuardedBranches,
    NeedKind,
    ProtectionNeeds,
)
from tiercel.domain.protection.rules import EVERY_METHOD, Demands, MergeStyle
from tiercel.domain.protection.state import (
    BranchGuard,
    GitHubEnvironment,
    Passable,
    ProtectionState,
)

BRANCH_RULES = "deployment branches"
SPELLING = "the spelling of tiercel.toml"
_REPOSITORY = "repository"
_IDS = "the ids of tiercel.toml"
_LOOK_WHOSE = (
    "look whose repository has the name now; if it is yours, correct organization.github_ids and "
    "run `tiercel provision` of each environment"
)
_SPELL = (
    "spell it so in organization.repositories and run `tiercel provision` of each environment: "
    "until then its jobs are refused"
)
_ENFORCE = "run `tiercel gitflow enforce`, or set it on GitHub"
_READ_BY_ADMINISTRATORS = (
    "let an administrator of the repository, or for a ruleset of the organization one of its "
    "owners, run it; or let `tiercel gitflow enforce` add a ruleset of the repository"
)

_DEMANDED: dict[NeedKind, Callable[[Demands], bool]] = {
    NeedKind.REVIEW: lambda demands: demands.approvals > 0,
    NeedKind.LAST_PUSH: lambda demands: demands.last_push,
    NeedKind.STALE: lambda demands: demands.dismisses_stale,
    NeedKind.NO_FORCE: lambda demands: demands.no_force,
    NeedKind.NO_DELETION: lambda demands: demands.no_deletion,
}
_WORST = (Verdict.GREEN, Verdict.UNKNOWN, Verdict.RED)


def judge(needs: ProtectionNeeds, state: ProtectionState) -> ProtectionReport:
    """Return a finding for everything that is needed."""
    branches = (
        _over_probes(subject, need, state) for subject in needs.subjects for need in subject.needs
    )
    environments = (
        _of_environment(wanted, state.environments.get(wanted.name))
        for wanted in needs.environments
    )
    findings = (*branches, *environments, *_of_ids(needs, state), *_of_spelling(needs, state))
    return ProtectionReport(repository=state.repository, findings=findings)


def _over_probes(
    subject: GuardedBranches, need: BranchNeed, state: ProtectionState
) -> ProtectionFinding:
    """Return the worst of what is found at the branches that stand for a subject."""
    found = [
        _of_need(subject.name, need, guards, state.methods) for guards in state.guards[subject.name]
    ]
    return max(found, key=lambda one: _WORST.index(one.verdict))


def _of_need(
    subject: str, need: BranchNeed, guards: Sequence[BranchGuard], methods: frozenset[MergeStyle]
) -> ProtectionFinding:
    if need.kind is NeedKind.MERGES:
        return _of_methods(subject, need, guards, methods)
    demanding = [one for one in guards if _demands(one.demands, need)]
    if need.kind is NeedKind.CREATION:
        return _of_creation(subject, need, demanding)
    safe = [one for one in demanding if one.passable is Passable.NOBODY]
    if safe:
        return _green(subject, need, safe[0].name)
    for one in demanding:
        if one.passable is Passable.UNKNOWN:
            return _unknown(subject, need, one)
    why = "nothing demands it"
    if demanding:
        why = f"{demanding[0].name} demands it, but not of {demanding[0].who or 'everybody'}"
    return _red(subject, need.words, why, _ENFORCE)


def _demands(demands: Demands, need: BranchNeed) -> bool:
    if need.kind is NeedKind.CHECK:
        return need.context in demands.contexts
    if need.kind is NeedKind.CREATION:
        return demands.no_creation
    return _DEMANDED[need.kind](demands)


def _of_creation(
    subject: str, need: BranchNeed, demanding: Sequence[BranchGuard]
) -> ProtectionFinding:
    """Judge who may start a branch: whoever starts one has its commits run in Preprod.

    Somebody has to be able to, so that a ruleset lets some pass is as it should be.
    """
    bounded = [one for one in demanding if not one.writers_pass]
    bounded.sort(key=lambda one: one.passable is Passable.UNKNOWN)
    if bounded:
        hidden = bounded[0].passable is Passable.UNKNOWN
        name = bounded[0].name
        return _unknown(subject, need, bounded[0]) if hidden else _green(subject, need, name)
    why = "whoever may write can start such a branch, and its commits are run in Preprod"
    return _red(subject, need.words, why, _ENFORCE)


def _of_methods(
    subject: str, need: BranchNeed, guards: Sequence[BranchGuard], methods: frozenset[MergeStyle]
) -> ProtectionFinding:
    """Judge the merge styles: the rules of back-merges and hotfixes read merges.

    After a squash or a rebase git knows no more what production and develop have in common: each
    back-merge conflicts with what it brought, and a hotfix that started at develop is not seen.
    """
    if MergeStyle.MERGE not in methods:
        why = "the repository allows no merge commits, and back-merges are such"
        return _red(subject, need.words, why, _ENFORCE)
    for one in guards:
        if MergeStyle.MERGE not in one.demands.methods:
            remedy = f"take the linear history or the merge method out of {one.name} on GitHub"
            return _red(subject, need.words, f"{one.name} allows no merge commits", remedy)
    safe = [one for one in guards if one.passable is Passable.NOBODY]
    others = _left(methods, safe) - {MergeStyle.MERGE}
    if not others:
        binding = [one.name for one in safe if one.demands.methods != EVERY_METHOD]
        return _green(subject, need, binding[0] if binding else "the repository's settings")
    unknown = [one for one in guards if one.passable is Passable.UNKNOWN]
    if unknown and not _left(methods, guards) - {MergeStyle.MERGE}:
        return _unknown(subject, need, unknown[0])
    styles = " and ".join(sorted(others))
    return _red(subject, need.words, f"{styles} may be used too", _ENFORCE)


def _left(methods: frozenset[MergeStyle], guards: Sequence[BranchGuard]) -> frozenset[MergeStyle]:
    for one in guards:
        methods &= one.demands.methods
    return methods


def _of_ids(needs: ProtectionNeeds, state: ProtectionState) -> Iterator[ProtectionFinding]:
    """Judge the ids of a repository, if tiercel.toml has them: its workflows become `trigger`."""
    wanted = needs.organization.numbered(state.repository)
    if not wanted:
        return
    owner, _, name = state.repository.partition("/")
    found = f"{owner}@{state.owner_id}/{name}@{state.id}"
    if found == wanted:
        yield ProtectionFinding(
            subject=_REPOSITORY, need=_IDS, verdict=Verdict.GREEN, by="organization.github_ids"
        )
    else:
        why = f"tiercel.toml has {wanted}, and GitHub {found}"
        yield _red(_REPOSITORY, _IDS, why, _LOOK_WHOSE)


def _of_spelling(needs: ProtectionNeeds, state: ProtectionState) -> Iterator[ProtectionFinding]:
    """Judge how tiercel.toml spells a repository: AWS tells upper from lower case, GitHub not."""
    listed = needs.organization.repositories
    if not state.spelt or not needs.organization.owns(state.repository):
        return
    owner = state.spelt.partition("/")[0]
    if {state.spelt, f"{owner}/*"}.isdisjoint(listed):
        why = f"GitHub writes {state.spelt}, and the role `trigger` takes no other spelling"
        yield _red(_REPOSITORY, SPELLING, why, _SPELL)


def _of_environment(wanted: EnvironmentNeed, found: GitHubEnvironment | None) -> ProtectionFinding:
    """Judge which branches a GitHub environment is for: its jobs become the role `trigger`."""
    subject = f"environment {wanted.name}"
    faults = list(_faults(wanted, found))
    if faults:
        return _red(subject, BRANCH_RULES, "; ".join(faults), _ENFORCE)
    limits = found.limits if found and found.limits else ()
    by = ", ".join(one.pattern for one in limits)
    return ProtectionFinding(subject=subject, need=BRANCH_RULES, verdict=Verdict.GREEN, by=by)


def _faults(wanted: EnvironmentNeed, found: GitHubEnvironment | None) -> Iterator[str]:
    if found is None:
        yield "it is not there: GitHub makes it for the first job that names it, of any branch"
        return
    if found.protected_only:
        yield "every protected branch may use it"
        return
    if found.limits is None:
        yield "every branch may use it"
        return
    patterns = [one.pattern for one in found.limits if not one.is_tag]
    if wanted.branch not in patterns:
        yield f"{wanted.branch} may not use it"
    foreign = [one for one in patterns if not wanted.allows(one)]
    if foreign:
        yield f"other branches may use it: {', '.join(foreign)}"
    tags = [one.pattern for one in found.limits if one.is_tag]
    if tags:
        yield f"tags may use it: {', '.join(tags)}"


def _green(subject: str, need: BranchNeed, by: str) -> ProtectionFinding:
    return ProtectionFinding(subject=subject, need=need.words, verdict=Verdict.GREEN, by=by)


def _red(subject: str, need: str, why: str, remedy: str) -> ProtectionFinding:
    return ProtectionFinding(
        subject=subject, need=need, verdict=Verdict.RED, why=why, remedy=remedy
    )


def _unknown(subject: str, need: BranchNeed, guard: BranchGuard) -> ProtectionFinding:
    return ProtectionFinding(
        subject=subject,
        need=need.words,
        verdict=Verdict.UNKNOWN,
        why=f"GitHub does not say to this token who may pass {guard.name}",
        remedy=_READ_BY_ADMINISTRATORS,
    )
