"""Whatever events got lost, what is wanted in the end is the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.domain.configuration.parsing import parse_topology
from tiercel.domain.ephemeral.environments import EphemeralRecord, EphemeralState, OriginKind
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.names import deployment_of
from tiercel.domain.triggers.events import (
    BranchMoved,
    Event,
    MergeGroupAsked,
    PullRequestChanged,
    PullRequestLabels,
)
from tiercel.domain.triggers.following import (
    RepositoryState,
    followed_repositories,
    missing_of,
)
from tiercel.domain.triggers.rules import action_for
from tiercel.domain.triggers.triggered_runs import PROMOTION_PLAN, WantedRun, wanted_run

TOPOLOGY = parse_topology((Path(__file__).parents[3] / "tiercel.toml").read_text())
REPOSITORY, LABEL = "acme/shop", "tiercel:preview"
QUEUE = f"gh-readonly-queue/main/pr-7-{'0' * 40}"
BRANCHES = ("develop", "main", "feature/x", "hotfix/1.0.1", "release/1.1.0", QUEUE)
SHAS = st.integers(1, 15).map(lambda digit: f"{digit:x}" * 40)
ONE, TWO = "1" * 40, "2" * 40


def pull(
    number: int = 7,
    base: str = "develop",
    head: str = ONE,
    base_commit: str = TWO,
    labels: tuple[str, ...] = (),
) -> PullRequest:
    return PullRequest(
        repository=REPOSITORY,
        number=number,
        title="::error::",
        author="mallory",
        url="",
        is_open=True,
        merged=False,
        mergeable=None,
        head_branch="feature/x",
        head_commit=head,
        base_branch=base,
        base_commit=base_commit,
        labels=labels,
    )


def record(origin: OriginKind, origin_of: str, **more: object) -> EphemeralRecord:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    told = EphemeralRecord(
        name="tea", owner="ada", purpose="", origin=origin, origin_of=origin_of,
        repository=REPOSITORY, commit=ONE, services=("orders",), created=now, expires=now,
        state=EphemeralState.UP,
    )  # fmt: skip
    return told.model_copy(update=more)


LABELS = st.sampled_from([(), (LABEL,), ("bug", "Tiercel:Preview")])
PULLS = st.dictionaries(
    st.integers(1, 5), st.tuples(st.sampled_from(BRANCHES), SHAS, SHAS, LABELS), max_size=4
).map(lambda found: [pull(number, *rest) for number, rest in found.items()])
HEADS = st.fixed_dictionaries(dict.fromkeys(BRANCHES, SHAS))


def events_of(heads: dict[str, str], pulls: list[PullRequest]) -> list[Event]:
    """The last event about each subject, as GitHub would tell it."""
    told: list[Event] = [
        BranchMoved(REPOSITORY, one, "0f" * 20, heads[one]) for one in BRANCHES if one != QUEUE
    ]
    told.append(MergeGroupAsked(REPOSITORY, QUEUE, "main", heads[QUEUE]))
    for one in pulls:
        told += [
            PullRequestChanged(
                REPOSITORY, one.number, one.head_branch, one.base_branch, one.head_commit,
                one.base_commit,
            ),
            PullRequestLabels(REPOSITORY, one.number, one.head_commit, frozenset(one.labels)),
        ]  # fmt: skip
    return told


def keys_of(events: list[Event], environment: str) -> set[str]:
    runs = (wanted_run(action_for(event, TOPOLOGY), TOPOLOGY) for event in events)
    return {
        run.key(0) for run in runs if isinstance(run, WantedRun) and run.environment == environment
    }


@settings(max_examples=500, deadline=None)
@given(HEADS, PULLS, st.sampled_from(["preprod", "prod"]), st.randoms(use_true_random=False))
def test_what_is_wanted_in_the_end_does_not_depend_on_which_events_arrived(
    heads: dict[str, str], pulls: list[PullRequest], environment: str, chance: st.DataObject
) -> None:
    events = events_of(heads, pulls)
    arrived = [event for event in events if chance.random() < 0.5]  # type: ignore[attr-defined]
    chance.shuffle(arrived)  # type: ignore[attr-defined]
    begun = keys_of(arrived, environment)
    state = RepositoryState(REPOSITORY, heads, pulls=tuple(pulls))
    # Of what production plans for pull requests no event tells its worker: it looks for itself.
    planned = f"{PROMOTION_PLAN}/"
    found = missing_of(TOPOLOGY, environment, state)
    followed = [run for run in found if not run.deployment.startswith(planned)]
    assert begun | {run.key(0) for run in followed} == keys_of(events, environment)


NOTHING = RepositoryState(REPOSITORY, {}, pulls=())


@pytest.mark.parametrize(
    ("environment", "one", "planned"),
    [
        ("prod", pull(base="main"), True),
        ("prod", pull(base="develop"), False),
        ("prod", pull(base="main").model_copy(update={"from_fork": True}), False),
        ("preprod", pull(base="main"), False),
        ("preprod", pull(base="develop"), False),
    ],
)
def test_production_itself_plans_for_pull_requests_into_its_branch(
    environment: str, one: PullRequest, planned: bool
) -> None:
    found = missing_of(TOPOLOGY, environment, replace(NOTHING, pulls=(one,)))
    plans = [run for run in found if run.deployment == deployment_of(PROMOTION_PLAN, "prod")]
    assert bool(plans) is planned
    for run in plans:
        assert run.parameters == {"repository": REPOSITORY, "number": 7, "commit": one.head_commit}
        moved = one.model_copy(update={"base_commit": "9" * 40})
        (later,) = missing_of(TOPOLOGY, environment, replace(NOTHING, pulls=(moved,)))
        assert later.key(0) != run.key(0)


def runs(state: RepositoryState) -> list[str]:
    return [run.deployment for run in missing_of(TOPOLOGY, "preprod", state)]


UP, DOWN = "ephemeral-up/ephemeral-up-preprod", "ephemeral-down/ephemeral-down-preprod"
VERIFY, CANDIDATE = (
    "verify-pull-request/verify-pull-request-preprod",
    "verify-candidate/verify-candidate-preprod",
)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (NOTHING, []),
        (replace(NOTHING, pulls=None), []),
        (replace(NOTHING, pulls=(pull(),)), [VERIFY]),
        (replace(NOTHING, pulls=(pull(labels=(LABEL,)),)), [VERIFY, UP]),
        (
            replace(NOTHING, pulls=(pull(labels=(LABEL,)).model_copy(update={"from_fork": True}),)),
            [VERIFY],
        ),
        (replace(NOTHING, heads={"hotfix/1.0.1": ONE}), [CANDIDATE]),
        (replace(NOTHING, heads={"hotfix/1.0.1": ONE}, merged=frozenset({"hotfix/1.0.1"})), []),
        (replace(NOTHING, heads={QUEUE: ONE}), ["verify-merge-group/verify-merge-group-preprod"]),
        (replace(NOTHING, heads={"main": ONE}), []),
        (replace(NOTHING, heads={"feature/x": ONE}), []),
    ],
)
def test_what_is_there_on_github_calls_for_its_runs(
    state: RepositoryState, wanted: list[str]
) -> None:
    assert runs(state) == wanted


OF_PULL = record(OriginKind.PULL_REQUEST, "7")
OF_LABEL = record(OriginKind.PULL_REQUEST, "7", label=LABEL)


@pytest.mark.parametrize(
    ("environment", "state", "ends"),
    [
        (OF_PULL, NOTHING, True),
        (OF_PULL, replace(NOTHING, pulls=None), False),
        (OF_PULL, replace(NOTHING, pulls=(pull(),)), False),
        (OF_PULL, replace(NOTHING, pulls=(pull(number=8),)), True),
        (OF_LABEL, replace(NOTHING, pulls=(pull(),)), True),
        (OF_LABEL, replace(NOTHING, pulls=(pull(labels=("TIERCEL:preview",)),)), False),
        (record(OriginKind.BRANCH, "feature/x"), NOTHING, True),
        (record(OriginKind.BRANCH, "feature/x"), replace(NOTHING, heads={"feature/x": ONE}), False),
        (record(OriginKind.CANDIDATE, "hotfix/1.0.1"), NOTHING, True),
        (record(OriginKind.COMMIT, ONE), NOTHING, False),
        (record(OriginKind.LIVE, "preprod"), NOTHING, False),
    ],
)
def test_an_environment_ends_with_what_it_was_made_from(
    environment: EphemeralRecord, state: RepositoryState, ends: bool
) -> None:
    found = replace(state, environments=(environment,))
    assert (DOWN in runs(found)) is ends


def test_an_environment_that_is_made_anew_has_another_end() -> None:
    made = record(OriginKind.BRANCH, "feature/x")
    again = record(OriginKind.BRANCH, "feature/x", generation=2)
    keys = {
        missing_of(TOPOLOGY, "preprod", replace(NOTHING, environments=(one,)))[0].key(0)
        for one in (made, again)
    }
    assert len(keys) == 2


def test_patterns_name_no_repository() -> None:
    organization = TOPOLOGY.organization.model_copy(
        update={"repositories": ("acme/*", "acme/shop", "other/tea")}
    )
    topology = TOPOLOGY.model_copy(update={"organization": organization})
    assert followed_repositories(topology) == (["acme/shop", "other/tea"], ["acme/*"])
