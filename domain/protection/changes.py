"""What would have to be set on GitHub so that the promise holds, and what comes of it.

Only rulesets that bear our names are written, one for each need; whatever else demands more stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tiercel.domain.accounts.findings import Verdict
from tiercel.domain.base.values import Frozen
from tiercel.domain.protection.findings import ProtectionReport
from tiercel.domain.protection.judging import judge
from tiercel.domain.protection.needs import (
    EnvironmentNeed,
    NeedKind,
    ProtectionNeeds,
    WantedRuleset,
)
from tiercel.domain.protection.rules import MergeStyle, Rule, contexts_of, number
from tiercel.domain.protection.state import (
    BranchGuard,
    GitHubEnvironment,
    ProtectionState,
    RefLimit,
    Ruleset,
)

_PULL_REQUEST = "pull_request"
_CHECKS = "required_status_checks"


class SetRuleset(Frozen):
    """Write a ruleset, for the subjects; one whose id is 0 is new."""

    ruleset: Ruleset
    subjects: tuple[str, ...]

    @property
    def words(self) -> str:
        """What is done, for people."""
        done = "change" if self.ruleset.id else "make"
        return f"{done} the ruleset `{self.ruleset.name}`"

    @property
    def details(self) -> str:
        """What it says, for people."""
        kinds = ", ".join(one.type for one in self.ruleset.rules)
        passing = ", ".join(one.words for one in self.ruleset.bypass or ())
        return f"{kinds}; passed by {passing or 'nobody'}"


class AllowMergeCommits(Frozen):
    """Let pull requests of the repository become merge commits."""

    words: str = "allow merge commits"
    details: str = "back-merges are such; what else is allowed stays so"


class LimitEnvironment(Frozen):
    """Limit a GitHub environment to branches: `add` them, and remove other limits by their ids."""

    environment: GitHubEnvironment
    before: GitHubEnvironment | None
    add: tuple[str, ...]
    remove: tuple[RefLimit, ...]

    @property
    def words(self) -> str:
        """What is done, for people."""
        done = "limit" if self.before else "make"
        return f"{done} the environment `{self.environment.name}`"

    @property
    def details(self) -> str:
        """What is let in and out, for people."""
        parts = [f"let {one} use it" for one in self.add]
        return ", ".join([*parts, *(f"no longer {one.pattern}" for one in self.remove)])

    @property
    def becomes_custom(self) -> bool:
        """Whether the environment has to be told first that it is for chosen branches."""
        return self.before is None or self.before.limits is None


ProtectionChange = SetRuleset | AllowMergeCommits | LimitEnvironment


class ProtectionPlan(Frozen):
    """What is set, and what is found afterwards: what is not green then is for people."""

    changes: tuple[ProtectionChange, ...]
    afterwards: ProtectionReport


def plan(needs: ProtectionNeeds, state: ProtectionState) -> ProtectionPlan:
    """Return what has to be set on GitHub; nothing where everything is as it has to be."""
    changes = tuple(_changes(needs, state))
    return ProtectionPlan(changes=changes, afterwards=judge(needs, applied(state, changes)))


def applied(state: ProtectionState, changes: Iterable[ProtectionChange]) -> ProtectionState:
    """Return how a repository is protected once changes are made."""
    for change in changes:
        match change:
            case SetRuleset():
                state = _with_ruleset(state, change)
            case AllowMergeCommits():
                methods = state.methods | {MergeStyle.MERGE}
                state = state.model_copy(update={"methods": methods})
            case LimitEnvironment():
                environments = state.environments | {change.environment.name: change.environment}
                state = state.model_copy(update={"environments": environments})
    return state


def _with_ruleset(state: ProtectionState, change: SetRuleset) -> ProtectionState:
    guard = change.ruleset.guard()
    guards = {
        subject: tuple(_guarded(each, guard) for each in probes)
        if subject in change.subjects
        else probes
        for subject, probes in state.guards.items()
    }
    own = state.own | {change.ruleset.name: change.ruleset}
    return state.model_copy(update={"guards": guards, "own": own})


def _guarded(guards: tuple[BranchGuard, ...], guard: BranchGuard) -> tuple[BranchGuard, ...]:
    return (*(one for one in guards if one.name != guard.name), guard)


def _changes(needs: ProtectionNeeds, state: ProtectionState) -> Iterator[ProtectionChange]:
    report = judge(needs, state)
    lacking = {(one.subject, one.need) for one in report.lacking()}
    if MergeStyle.MERGE not in state.methods:
        yield AllowMergeCommits()
    for wanted in needs.rulesets:
        change = _ruleset_change(wanted, state.own.get(wanted.name))
        if change and _helps(wanted, lacking):
            yield change
    for environment in needs.environments:
        found = state.environments.get(environment.name)
        if _lacks_limits(report, environment):
            yield _limited(environment, found)


def _helps(wanted: WantedRuleset, lacking: set[tuple[str, str]]) -> bool:
    """Tell whether a ruleset would fulfil a need that is not fulfilled."""
    creation = str(NeedKind.CREATION)
    starts = any(rule.type == "creation" for rule in wanted.rules)
    return any(
        subject in wanted.subjects and (need == creation) is starts for subject, need in lacking
    )


def _lacks_limits(report: ProtectionReport, wanted: EnvironmentNeed) -> bool:
    subject = f"environment {wanted.name}"
    return any(
        one.subject == subject and one.verdict is not Verdict.GREEN for one in report.findings
    )


def _ruleset_change(wanted: WantedRuleset, known: Ruleset | None) -> SetRuleset | None:
    """Return a ruleset as it has to be written; None where it is as it has to be.

    What it demands beyond what is wanted stays. Who may pass it is ours to say, but for who may
    start branches: that is the team's, once it has chosen somebody.
    """
    mine = {rule.type for rule in wanted.rules}
    before = {rule.type: rule for rule in known.rules} if known else {}
    kept = [rule for kind, rule in before.items() if kind not in mine]
    rules = [_strengthened(rule, before.get(rule.type)) for rule in wanted.rules]
    chosen = known.bypass if known and wanted.bypass and _bounded(known) else None
    ruleset = Ruleset(
        id=known.id if known else 0,
        name=wanted.name,
        is_active=True,
        rules=(*rules, *kept),
        bypass=wanted.bypass if chosen is None else chosen,
        include=tuple(dict.fromkeys((*wanted.include, *(known.include if known else ())))),
    )
    same = known is not None and _alike(known, ruleset)
    return None if same else SetRuleset(ruleset=ruleset, subjects=wanted.subjects)


def _bounded(known: Ruleset) -> bool:
    return not known.guard().writers_pass


def _alike(one: Ruleset, other: Ruleset) -> bool:
    """Tell whether two rulesets say the same, in whatever order."""
    first, second = ({rule.type: rule for rule in ruleset.rules} for ruleset in (one, other))
    return first == second and (
        (one.is_active, set(one.bypass or ()) if one.bypass is not None else None)
        == (other.is_active, set(other.bypass or ()))
        and (set(one.include), set(one.exclude)) == (set(other.include), set(other.exclude))
    )


def _strengthened(wanted: Rule, before: Rule | None) -> Rule:
    """Return a rule that demands what is wanted, and what it demanded before."""
    if before is None:
        return wanted
    parameters = before.parameters | wanted.parameters
    if wanted.type == _PULL_REQUEST:
        parameters |= _stricter_review(wanted, before)
    if wanted.type == _CHECKS:
        parameters |= _stricter_checks(wanted, before)
    return Rule(type=wanted.type, parameters=parameters)


def _stricter_review(wanted: Rule, before: Rule) -> dict[str, object]:
    count = "required_approving_review_count"
    switches = ("require_code_owner_review", "required_review_thread_resolution")
    return {
        count: max(number(wanted.parameters, count), number(before.parameters, count)),
        **{name: before.parameters.get(name) is True for name in switches},
    }


def _stricter_checks(wanted: Rule, before: Rule) -> dict[str, object]:
    strict = "strict_required_status_checks_policy"
    listed = before.parameters.get(_CHECKS)
    known = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    added = [
        {"context": context}
        for context in sorted(contexts_of(wanted.parameters) - contexts_of(before.parameters))
    ]
    return {_CHECKS: [*known, *added], strict: before.parameters.get(strict) is True}


def _limited(wanted: EnvironmentNeed, found: GitHubEnvironment | None) -> LimitEnvironment:
    """Limit an environment; one that was limited already keeps what it may have beside its branch.

    One that was open is limited to all that it may have: else what works today would stop.
    """
    limits = found.limits if found and found.limits is not None else None
    if limits is None:
        limits = ()
        used = (*wanted.prefixes, *(wanted.tolerated if found else ()))
        patterns = [wanted.branch, *wanted.others, *_patterns(used)]
    else:
        patterns = [wanted.branch]
    kept = tuple(one for one in limits if not one.is_tag and wanted.allows(one.pattern))
    there = {one.pattern for one in kept}
    add = tuple(one for one in patterns if one not in there)
    base = found or GitHubEnvironment(name=wanted.name)
    update = {
        "limits": (*kept, *(RefLimit(pattern=one) for one in add)),
        "protected_only": False,
    }
    return LimitEnvironment(
        environment=base.model_copy(update=update),
        before=found,
        add=add,
        remove=tuple(one for one in limits if one not in kept),
    )


def _patterns(prefixes: tuple[str, ...]) -> list[str]:
    return [f"{one}/{rest}" for one in prefixes for rest in ("*", "**/*")]
