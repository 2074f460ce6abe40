"""What should have been started, from how things are on GitHub: for events that got lost.

Whatever number and order of events arrived, this finds the same runs, by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.environments import EphemeralRecord, OriginKind
from tiercel.domain.gitflow.merge_queues import queued_merge
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.topology import Topology
from tiercel.domain.triggers.actions import Action, EndPreview, TakeDown
from tiercel.domain.triggers.events import (
    BranchMoved,
    Event,
    MergeGroupAsked,
    PullRequestChanged,
    PullRequestLabels,
)
from tiercel.domain.triggers.rules import action_for, has_label
from tiercel.domain.triggers.triggered_runs import WantedRun, plan_run, wanted_run


@dataclass(frozen=True)
class RepositoryState:
    """How a repository stands: commits by branch, open pull requests, environments on demand.

    `merged` are branches that production has already. `pulls` is None where nobody could ask for
    them, which is not the same as that there are none.
    """

    repository: str
    heads: Mapping[str, str]
    merged: frozenset[str] = frozenset()
    pulls: tuple[PullRequest, ...] | None = None
    environments: tuple[EphemeralRecord, ...] = field(default=())


def followed_repositories(topology: Topology) -> tuple[list[str], list[str]]:
    """Return the repositories that are followed, and the patterns that name no repository."""
    named = topology.organization.repositories
    return (
        [one for one in named if not one.endswith("/*")],
        [one for one in named if one.endswith("/*")],
    )


def missing_of(topology: Topology, environment: str, state: RepositoryState) -> list[WantedRun]:
    """Return the runs that the newest state of a repository calls for in one environment.

    Which of the runs are there already is for Prefect to say.
    """
    actions = [action_for(event, topology) for event in _events(state)]
    found = [wanted_run(action, topology) for action in actions]
    into = topology.environment(environment)
    found += [
        plan_run(environment, state.repository, pull)
        for pull in state.pulls or ()
        if into.production and pull.base_branch == into.branch and not pull.from_fork
    ]
    for one in state.environments:
        end = _end_of(one, state, topology)
        if end:
            # Made anew under the same name it has another end.
            found.append(wanted_run(end, topology, str(one.generation)))
    return [run for run in found if isinstance(run, WantedRun) and run.environment == environment]


def _events(state: RepositoryState) -> Iterator[Event]:
    for branch, commit in state.heads.items():
        group = _merge_group(state.repository, branch, commit)
        if group:
            yield group
        elif branch not in state.merged:
            yield BranchMoved(state.repository, branch, before="", after=commit)
    for pull in state.pulls or ():
        yield PullRequestChanged(
            state.repository,
            pull.number,
            pull.head_branch,
            pull.base_branch,
            head_commit=pull.head_commit,
            base_commit=pull.base_commit,
        )
        yield PullRequestLabels(
            state.repository,
            pull.number,
            pull.head_commit,
            frozenset(pull.labels),
            from_fork=pull.from_fork,
        )


def _merge_group(repository: str, branch: str, commit: str) -> MergeGroupAsked | None:
    """A merge queue's branch is there as long as the queue waits for its statuses."""
    try:
        base = queued_merge(branch).base
    except RefusedInputError:
        return None
    return MergeGroupAsked(repository, branch, base, commit)


def _end_of(one: EphemeralRecord, state: RepositoryState, topology: Topology) -> Action | None:
    """Return the end of an environment that nothing on GitHub asks for any more, None if it lives.

    One that somebody asked for by himself does not need the label.
    """
    host = topology.verifying.name
    if one.origin is OriginKind.PULL_REQUEST and state.pulls is not None:
        open_now = {str(pull.number): pull for pull in state.pulls}
        pull = open_now.get(one.origin_of)
        if pull is None or (one.label and not has_label(pull.labels, one.label)):
            return EndPreview(host, state.repository, int(one.origin_of), one.commit, one.name)
    is_of_branch = one.origin in {OriginKind.BRANCH, OriginKind.CANDIDATE}
    if is_of_branch and one.origin_of not in state.heads:
        return TakeDown(host, one.name, if_there=True)
    return None
