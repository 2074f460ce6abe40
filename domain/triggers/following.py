"""What should have been started, from how things are on GitHub: for events that got lost.

Whatever number and order of events arrived, this finds the same runs, by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.topology import Topology
from tiercel.domain.triggers.events import BranchMoved, Event, PullRequestChanged
from tiercel.domain.triggers.rules import action_for
from tiercel.domain.triggers.triggered_runs import WantedRun, wanted_run


def followed_repositories(topology: Topology) -> tuple[list[str], list[str]]:
    """Return the repositories that are followed, and the patterns that name no repository."""
    named = topology.organization.repositories
    return (
        [one for one in named if not one.endswith("/*")],
        [one for one in named if one.endswith("/*")],
    )


def missing_of(
    topology: Topology,
    environment: str,
    repository: str,
    head: str,
    pulls: Iterable[PullRequest],
) -> list[WantedRun]:
    """Return the runs that the newest state of a repository calls for in one environment.

    `head` is the commit of the environment's branch, empty if there is no such branch; `pulls` are
    the open pull requests. Which of the runs are there already is for Prefect to say.
    """
    branch = topology.environment(environment).branch
    found = (
        wanted_run(action_for(event, topology), topology)
        for event in _events(repository, branch, head, pulls)
    )
    return [run for run in found if isinstance(run, WantedRun) and run.environment == environment]


def _events(
    repository: str, branch: str, head: str, pulls: Iterable[PullRequest]
) -> Iterator[Event]:
    if head:
        yield BranchMoved(repository, branch, before="", after=head)
    for pull in pulls:
        yield PullRequestChanged(
            repository,
            pull.number,
            pull.head_branch,
            pull.base_branch,
            head_commit=pull.head_commit,
            base_commit=pull.base_commit,
        )
