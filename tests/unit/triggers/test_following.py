"""Whatever events got lost, what is wanted in the end is the same."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.configuration import parse_topology
from tiercel.domain.triggers.events import BranchMoved, Event, PullRequestChanged
from tiercel.domain.triggers.following import followed_repositories, missing_of
from tiercel.domain.triggers.rules import action_for
from tiercel.domain.triggers.triggered_runs import WantedRun, wanted_run

TOPOLOGY = parse_topology((Path(__file__).parents[3] / "tiercel.toml").read_text())
REPOSITORY = "acme/shop"
BRANCHES = ("develop", "main", "feature/x")
SHAS = st.integers(1, 15).map(lambda digit: f"{digit:x}" * 40)


def pull(number: int, base: str, head: str, base_commit: str) -> PullRequest:
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
    )


PULLS = st.dictionaries(
    st.integers(1, 5), st.tuples(st.sampled_from(BRANCHES), SHAS, SHAS), max_size=4
).map(lambda found: [pull(number, *rest) for number, rest in found.items()])
HEADS = st.fixed_dictionaries(dict.fromkeys(BRANCHES, SHAS))


def events_of(heads: dict[str, str], pulls: list[PullRequest]) -> list[Event]:
    """The last event about each subject, as GitHub would tell it."""
    moved: list[Event] = [BranchMoved(REPOSITORY, one, "0f" * 20, heads[one]) for one in BRANCHES]
    return moved + [
        PullRequestChanged(
            REPOSITORY, one.number, one.head_branch, one.base_branch, one.head_commit,
            one.base_commit,
        )
        for one in pulls
    ]  # fmt: skip


def keys_of(events: list[Event], environment: str) -> set[str]:
    runs = (wanted_run(action_for(event, TOPOLOGY), TOPOLOGY) for event in events)
    return {
        run.key(0) for run in runs if isinstance(run, WantedRun) and run.environment == environment
    }


@settings(max_examples=500)
@given(HEADS, PULLS, st.sampled_from(["preprod", "prod"]), st.randoms(use_true_random=False))
def test_what_is_wanted_in_the_end_does_not_depend_on_which_events_arrived(
    heads: dict[str, str], pulls: list[PullRequest], environment: str, chance: st.DataObject
) -> None:
    events = events_of(heads, pulls)
    arrived = [event for event in events if chance.random() < 0.5]  # type: ignore[attr-defined]
    chance.shuffle(arrived)  # type: ignore[attr-defined]
    begun = keys_of(arrived, environment)
    branch = TOPOLOGY.environment(environment).branch
    followed = missing_of(TOPOLOGY, environment, REPOSITORY, heads[branch], pulls)
    assert begun | {run.key(0) for run in followed} == keys_of(events, environment)


def test_a_repository_without_the_branch_has_only_pull_requests() -> None:
    found = missing_of(
        TOPOLOGY, "preprod", REPOSITORY, "", [pull(7, "develop", "a" * 40, "b" * 40)]
    )
    assert [run.deployment for run in found] == ["verify-pull-request/preprod"]


def test_patterns_name_no_repository() -> None:
    organization = TOPOLOGY.organization.model_copy(
        update={"repositories": ("acme/*", "acme/shop", "other/tea")}
    )
    topology = TOPOLOGY.model_copy(update={"organization": organization})
    assert followed_repositories(topology) == (["acme/shop", "other/tea"], ["acme/*"])
