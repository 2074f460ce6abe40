"""What is needed of GitHub, what is found and what would be set: without GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.topology import topology_of
from tiercel.domain.accounts.findings import Verdict
from tiercel.domain.protection.changes import LimitEnvironment, SetRuleset, applied, plan
from tiercel.domain.protection.judging import BRANCH_RULES, SPELLING, judge
from tiercel.domain.protection.needs import NeedKind, protection_needs
from tiercel.domain.protection.rules import (
    EVERY_METHOD,
    WRITE_ROLE,
    BypassActor,
    Demands,
    MergeStyle,
    Rule,
    demands_of,
)
from tiercel.domain.protection.state import (
    CLASSIC,
    BranchGuard,
    GitHubEnvironment,
    Passable,
    ProtectionState,
    RefLimit,
    Ruleset,
)

NEEDS = protection_needs(topology_of("acme/shop"))
BRANCHES = ("develop", "main")
PREFIXES = ("release/*", "hotfix/*")
NOTHING = ProtectionState(
    repository="acme/shop",
    guards={one.name: ((),) * len(one.probes) for one in NEEDS.subjects},
    environments=dict.fromkeys(one.name for one in NEEDS.environments),
)
EVERYTHING = applied(NOTHING, plan(NEEDS, NOTHING).changes)


def verdicts(state: ProtectionState) -> dict[tuple[str, str], Verdict]:
    return {(one.subject, one.need): one.verdict for one in judge(NEEDS, state).findings}


def red(state: ProtectionState) -> set[tuple[str, str]]:
    return {place for place, verdict in verdicts(state).items() if verdict is Verdict.RED}


def with_guard(state: ProtectionState, subject: str, guard: BranchGuard) -> ProtectionState:
    others = tuple((*each, guard) for each in state.guards[subject])
    return state.model_copy(update={"guards": state.guards | {subject: others}})


def with_environment(name: str, **more: Any) -> ProtectionState:
    found = GitHubEnvironment(name=name, **more)
    return EVERYTHING.model_copy(update={"environments": EVERYTHING.environments | {name: found}})


def limits(*patterns: str) -> tuple[RefLimit, ...]:
    return tuple(RefLimit(pattern=one, id=number) for number, one in enumerate(patterns, 1))


def test_of_a_repository_without_any_rule_everything_is_red() -> None:
    assert set(verdicts(NOTHING).values()) == {Verdict.RED}


def test_what_is_enforced_is_green_and_nothing_is_left_to_do() -> None:
    assert set(verdicts(EVERYTHING).values()) == {Verdict.GREEN}
    assert plan(NEEDS, EVERYTHING).changes == ()


REVIEWED: dict[str, Any] = {
    "required_approving_review_count": 1,
    "require_last_push_approval": True,
    "dismiss_stale_reviews_on_push": True,
    "allowed_merge_methods": ["merge"],
}
CHECKS = {"required_status_checks": [{"context": "tiercel/prod", "integration_id": 7}]}
RULES = (
    Rule(type="pull_request", parameters=REVIEWED),
    Rule(type="required_status_checks", parameters=CHECKS),
    Rule(type="non_fast_forward"),
    Rule(type="deletion"),
)


def of_main(
    *rules: Rule,
    bypass: tuple[BypassActor, ...] | None = (),
    methods: frozenset[MergeStyle] | None = None,
) -> ProtectionState:
    """A state in which one foreign ruleset alone guards main."""
    ruleset = Ruleset(id=9, name="theirs", is_active=True, rules=rules, bypass=bypass)
    guards = NOTHING.guards | {"main": ((ruleset.guard(),),)}
    return NOTHING.model_copy(update={"guards": guards, "methods": methods or EVERY_METHOD})


def lacking_of_main(state: ProtectionState) -> dict[str, Verdict]:
    found = judge(NEEDS, state).lacking()
    return {one.need: one.verdict for one in found if one.subject == "main"}


@pytest.mark.parametrize(
    ("rule", "parameters", "need"),
    [
        ("pull_request", {"required_approving_review_count": 0}, NeedKind.REVIEW.value),
        ("pull_request", {"required_approving_review_count": True}, NeedKind.REVIEW.value),
        ("pull_request", {"require_last_push_approval": False}, NeedKind.LAST_PUSH.value),
        ("pull_request", {"dismiss_stale_reviews_on_push": "yes"}, NeedKind.STALE.value),
        ("pull_request", {"allowed_merge_methods": ["merge", "squash"]}, NeedKind.MERGES.value),
        ("pull_request", {"allowed_merge_methods": ["squash"]}, NeedKind.MERGES.value),
        ("required_status_checks", {"required_status_checks": []}, "status tiercel/prod"),
        (
            "required_status_checks",
            {"required_status_checks": [{"context": "tiercel/preprod"}]},
            "status tiercel/prod",
        ),
        ("non_fast_forward", None, NeedKind.NO_FORCE.value),
        ("deletion", None, NeedKind.NO_DELETION.value),
    ],
)
def test_each_need_is_red_alone_when_its_rule_says_less(
    rule: str, parameters: dict[str, Any] | None, need: str
) -> None:
    assert lacking_of_main(of_main(*RULES)) == {}
    less = [
        Rule(type=rule, parameters=one.parameters | (parameters or {})) if one.type == rule else one
        for one in RULES
        if not (one.type == rule and parameters is None)
    ]

    assert lacking_of_main(of_main(*less)) == {need: Verdict.RED}


def of_all(verdict: Verdict) -> dict[str, Verdict]:
    """Every need of main with this verdict."""
    (main,) = [one for one in NEEDS.subjects if one.name == "main"]
    return dict.fromkeys((one.words for one in main.needs), verdict)


def test_a_rule_that_somebody_may_pass_does_not_count() -> None:
    administrators = (BypassActor(kind="RepositoryRole", identifier=5),)

    assert lacking_of_main(of_main(*RULES, bypass=administrators)) == of_all(Verdict.RED)


def test_a_rule_that_nobody_knows_who_may_pass_is_not_checked() -> None:
    found = lacking_of_main(of_main(*RULES, bypass=None))

    assert found == of_all(Verdict.UNKNOWN)
    assert plan(NEEDS, of_main(*RULES, bypass=None)).afterwards.lacking() == ()


def test_a_need_that_one_of_a_prefixs_branches_lacks_is_red() -> None:
    first, second = EVERYTHING.guards["release/*"]
    assert first == second
    state = EVERYTHING.model_copy(update={"guards": EVERYTHING.guards | {"release/*": (first, ())}})

    assert {subject for subject, _ in red(state)} == {"release/*"}


def test_who_may_start_a_candidates_branch_is_chosen_but_not_everybody() -> None:
    name = "Tiercel: who starts release and hotfix branches"
    own = EVERYTHING.own[name]
    writers = (BypassActor(kind="RepositoryRole", identifier=WRITE_ROLE),)
    team = (BypassActor(kind="Team", identifier=77),)
    open_to = {
        kind: applied(
            EVERYTHING,
            [SetRuleset(ruleset=own.model_copy(update={"bypass": bypass}), subjects=PREFIXES)],
        )
        for kind, bypass in {"writers": writers, "team": team, "nobody": ()}.items()
    }

    assert red(open_to["writers"]) == {(one, NeedKind.CREATION.value) for one in PREFIXES}
    (mended,) = plan(NEEDS, open_to["writers"]).changes
    assert isinstance(mended, SetRuleset)
    assert mended.ruleset.bypass == own.bypass
    for kind in ("team", "nobody"):
        assert red(open_to[kind]) == set()


def test_a_merge_queue_has_the_merge_style_of_its_own() -> None:
    queue = Rule(type="merge_queue", parameters={"merge_method": "SQUASH"})
    state = with_guard(
        EVERYTHING,
        "main",
        BranchGuard(name="queue", demands=demands_of([queue]), passable=Passable.NOBODY),
    )

    assert red(state) == {("main", NeedKind.MERGES.value)}
    assert [one.subject for one in plan(NEEDS, state).afterwards.lacking()] == ["main"]


def test_merge_commits_are_allowed_where_the_repository_forbids_them() -> None:
    state = EVERYTHING.model_copy(update={"methods": frozenset({MergeStyle.SQUASH})})

    assert red(state) == {(one, NeedKind.MERGES.value) for one in BRANCHES}
    assert [one.words for one in plan(NEEDS, state).changes] == ["allow merge commits"]
    assert plan(NEEDS, state).afterwards.lacking() == ()


@pytest.mark.parametrize(
    ("environment", "more", "is_red"),
    [
        ("prod", {"limits": limits("main")}, False),
        ("prod", {"limits": None}, True),
        ("prod", {"protected_only": True}, True),
        ("prod", {"limits": ()}, True),
        ("prod", {"limits": limits("main", "develop")}, True),
        ("prod", {"limits": limits("main", "hotfix/*")}, True),
        ("prod", {"limits": (*limits("main"), RefLimit(pattern="v*", is_tag=True))}, True),
        ("preprod", {"limits": limits("develop")}, False),
        ("preprod", {"limits": limits("develop", "main", "release/*", "hotfix/**/*")}, False),
        ("preprod", {"limits": limits("develop", "feature/*")}, True),
        ("preprod", {"limits": limits("release/*")}, True),
        ("preprod", {"limits": limits("develop", "*")}, True),
        ("preprod", {"limits": limits("develop", "gh-readonly-queue/**/*")}, False),
        ("prod", {"limits": limits("main", "gh-readonly-queue/**/*")}, True),
    ],
)
def test_an_environment_is_green_for_its_own_branches_alone(
    environment: str, more: dict[str, Any], is_red: bool
) -> None:
    state = with_environment(environment, **more)

    assert red(state) == ({(f"environment {environment}", BRANCH_RULES)} if is_red else set())


def test_an_environment_that_is_not_there_is_red() -> None:
    """GitHub makes it for the first job that names it, open to every branch."""
    state = EVERYTHING.model_copy(update={"environments": EVERYTHING.environments | {"prod": None}})

    assert red(state) == {("environment prod", BRANCH_RULES)}


@pytest.mark.parametrize(
    ("before", "has_queue"),
    [(GitHubEnvironment(name="preprod"), True), (None, False)],
    ids=["open", "not there"],
)
def test_a_merge_queue_keeps_what_it_could_use_and_gets_nothing_new(
    before: GitHubEnvironment | None, *, has_queue: bool
) -> None:
    environments = EVERYTHING.environments | {"preprod": before}
    state = EVERYTHING.model_copy(update={"environments": environments})

    (change,) = plan(NEEDS, state).changes

    assert isinstance(change, LimitEnvironment)
    assert any(one.startswith("gh-readonly-queue/") for one in change.add) is has_queue


def test_an_environment_keeps_what_it_demands_beside_its_branches() -> None:
    state = with_environment(
        "prod",
        limits=limits("main", "develop"),
        wait_minutes=30,
        reviewers=(("User", 5),),
        prevent_self_review=True,
    )

    (change,) = plan(NEEDS, state).changes

    assert isinstance(change, LimitEnvironment)
    assert (change.add, [one.pattern for one in change.remove]) == ((), ["develop"])
    assert not change.becomes_custom
    kept = change.environment
    assert (kept.wait_minutes, kept.reviewers, kept.prevent_self_review) == (
        30,
        (("User", 5),),
        True,
    )


@pytest.mark.parametrize(
    ("owner", "own", "verdict"),
    [(11, 12, Verdict.GREEN), (11, 13, Verdict.RED), (9, 12, Verdict.RED)],
)
def test_the_ids_of_the_configuration_are_those_of_the_repository(
    owner: int, own: int, verdict: Verdict
) -> None:
    organization = NEEDS.organization.model_copy(
        update={"github_ids": {"acme": 11, "acme/shop": 12}}
    )
    needs = NEEDS.model_copy(update={"organization": organization})
    state = EVERYTHING.model_copy(update={"owner_id": owner, "id": own})

    found = judge(needs, state)

    assert found.findings[-1].verdict is verdict
    assert {one.verdict for one in found.findings[:-1]} == {Verdict.GREEN}
    assert plan(needs, state).changes == ()


@pytest.mark.parametrize(
    ("listed", "verdicts_of_spelling"),
    [
        (("Acme/Shop",), []),
        (("Acme/*",), []),
        (("acme/shop", "Acme/Shop"), []),
        ((), []),
        (("acme/shop",), [Verdict.RED]),
        (("Acme/shop",), [Verdict.RED]),
        (("acme/*",), [Verdict.RED]),
    ],
)
def test_a_repository_that_is_not_spelt_as_github_does_is_told(
    listed: tuple[str, ...], verdicts_of_spelling: list[Verdict]
) -> None:
    organization = NEEDS.organization.model_copy(update={"repositories": listed})
    needs = NEEDS.model_copy(update={"organization": organization})
    state = EVERYTHING.model_copy(update={"spelt": "Acme/Shop"})

    found = [one for one in judge(needs, state).findings if one.need == SPELLING]

    assert [one.verdict for one in found] == verdicts_of_spelling
    assert plan(needs, state).changes == ()


# From any start.

_parameters = st.fixed_dictionaries(
    {
        "required_approving_review_count": st.integers(0, 6),
        "require_last_push_approval": st.booleans(),
        "dismiss_stale_reviews_on_push": st.booleans(),
        "require_code_owner_review": st.booleans(),
        "required_review_thread_resolution": st.booleans(),
    },
    optional={"allowed_merge_methods": st.just(["merge"])},
)
_checks = st.fixed_dictionaries(
    {
        "required_status_checks": st.lists(
            st.sampled_from(["tiercel/prod", "tiercel/preprod", "lint"]).map(
                lambda context: {"context": context}
            ),
            unique_by=str,
        ),
        "strict_required_status_checks_policy": st.booleans(),
    }
)
_rules = st.lists(
    st.one_of(
        st.builds(Rule, type=st.just("pull_request"), parameters=_parameters),
        st.builds(Rule, type=st.just("required_status_checks"), parameters=_checks),
        st.builds(
            Rule,
            type=st.sampled_from(["deletion", "non_fast_forward", "creation", "update"]),
            parameters=st.just({}),
        ),
    ),
    unique_by=lambda rule: rule.type,
)
_actors = st.lists(
    st.builds(BypassActor, kind=st.just("RepositoryRole"), identifier=st.sampled_from([2, 4, 5])),
    unique=True,
).map(tuple)
_bypass = st.one_of(st.none(), _actors)


@st.composite
def _states(draw: st.DrawFn) -> ProtectionState:
    """A repository that demands some things, with rulesets of our names that were edited."""
    state = NOTHING.model_copy(
        update={"methods": frozenset(draw(st.sets(st.sampled_from(MergeStyle), min_size=1)))}
    )
    for wanted in NEEDS.rulesets:
        known = Ruleset(
            id=draw(st.integers(1, 99)),
            name=wanted.name,
            is_active=draw(st.booleans()),
            rules=tuple(draw(_rules)),
            bypass=draw(_bypass),
            include=draw(st.sampled_from([(), wanted.include, ("~ALL",)])),
            exclude=draw(st.sampled_from([(), ("refs/heads/main",)])),
        )
        if draw(st.booleans()):
            state = state.model_copy(update={"own": state.own | {known.name: known}})
            if known.is_active and not known.exclude:
                for subject in wanted.subjects:
                    state = with_guard(state, subject, known.guard())
    for one in NEEDS.subjects:
        if draw(st.booleans()):
            demands = demands_of(draw(_rules))
            passable = draw(st.sampled_from(Passable))
            guard = BranchGuard(name=CLASSIC, demands=demands, passable=passable, who="them")
            state = with_guard(state, one.name, guard)
    return state.model_copy(
        update={
            "environments": {one.name: draw(_environments(one.name)) for one in NEEDS.environments}
        }
    )


def _environments(name: str) -> st.SearchStrategy[GitHubEnvironment | None]:
    patterns = st.sampled_from(["main", "develop", "release/*", "feature/*", "*", "v1"])
    limit = st.builds(RefLimit, pattern=patterns, is_tag=st.booleans(), id=st.integers(1, 99))
    chosen = st.lists(limit, unique_by=lambda one: (one.pattern, one.is_tag)).map(tuple)
    return st.one_of(
        st.none(),
        st.builds(
            GitHubEnvironment,
            name=st.just(name),
            limits=st.one_of(st.none(), chosen),
            protected_only=st.just(False),
            wait_minutes=st.integers(0, 9),
        ),
        st.just(GitHubEnvironment(name=name, protected_only=True)),
    )


@settings(max_examples=40)
@given(_states())
def test_what_was_enforced_is_green_from_any_start_and_demands_nothing_less(
    state: ProtectionState,
) -> None:
    planned = plan(NEEDS, state)

    enforced = applied(state, planned.changes)

    assert judge(NEEDS, enforced) == planned.afterwards
    assert planned.afterwards.lacking() == ()
    assert plan(NEEDS, enforced).changes == ()
    for name, known in state.own.items():
        before, after = demands_of(known.rules), demands_of(enforced.own[name].rules)
        assert _as_strict(after, before)
        assert {one.type for one in known.rules} <= {one.type for one in enforced.own[name].rules}
    for subject in state.guards:
        assert _guards(enforced, subject, CLASSIC) == _guards(state, subject, CLASSIC)
    for name, found in enforced.environments.items():
        known_environment = state.environments[name]
        assert found is not None
        if known_environment:
            assert found.wait_minutes == known_environment.wait_minutes


def _guards(state: ProtectionState, subject: str, name: str) -> Sequence[BranchGuard]:
    return [one for one in state.guards[subject][0] if one.name == name]


def _as_strict(one: Demands, other: Demands) -> bool:
    switches = ("last_push", "dismisses_stale", "no_force", "no_deletion", "no_creation")
    return (
        one.approvals >= other.approvals
        and one.contexts >= other.contexts
        and one.methods <= other.methods
        and all(getattr(one, name) >= getattr(other, name) for name in switches)
    )
