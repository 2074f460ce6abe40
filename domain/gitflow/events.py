"""What happens on GitHub, and which action it calls for."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.organization.topology import Environment, Topology


@dataclass(frozen=True)
class PullRequestChanged:
    """A pull request was opened, reopened, retargeted or got another head."""

    repository: str
    number: int
    head: str
    base: str
    head_commit: str
    base_commit: str


@dataclass(frozen=True)
class PullRequestClosed:
    """A pull request was closed, with or without a merge."""

    repository: str
    number: int
    base: str
    merged: bool


@dataclass(frozen=True)
class BranchMoved:
    """A branch was pushed, merged into, created or deleted.

    A commit of zeros stands for none: before a creation, after a deletion.
    """

    repository: str
    branch: str
    before: str
    after: str
    deleted: bool = False


Event = PullRequestChanged | PullRequestClosed | BranchMoved


@dataclass(frozen=True)
class VerifyPullRequest:
    """Build and test the merge ref in the environment's InfrastructureAccount."""

    environment: str
    repository: str
    number: int
    head_commit: str
    base_commit: str


@dataclass(frozen=True)
class PublishAndDeploy:
    """Publish the commit's artifacts and deploy them to the environment."""

    environment: str
    repository: str
    commit: str


@dataclass(frozen=True)
class Promote:
    """Release to an environment what the source environment verified for the same source tree."""

    environment: str
    source: str
    repository: str
    commit: str


@dataclass(frozen=True)
class Nothing:
    """The event calls for no action, for this reason."""

    reason: str


Action = VerifyPullRequest | PublishAndDeploy | Promote | Nothing


def action_for(event: Event, topology: Topology) -> Action:
    """Return what an event calls for; the event is a hint, and AWS and git are the truth."""
    repository = topology.current_name(event.repository)
    if not topology.organization.owns(repository):
        return Nothing("the repository is not one of organization.repositories")
    match event:
        case PullRequestChanged():
            return _for_changed_pull_request(event, repository, topology)
        case PullRequestClosed(merged=True):
            return Nothing("the base branch moved with the merge, and that event is acted on")
        case PullRequestClosed():
            return Nothing("the pull request was closed without a merge")
        case BranchMoved():
            return _for_moved_branch(event, repository, topology)


def _for_changed_pull_request(
    event: PullRequestChanged, repository: str, topology: Topology
) -> Action:
    environment = _fed_by(event.base, topology)
    if environment is None:
        return Nothing("the pull request's base branch feeds no environment")
    return VerifyPullRequest(
        environment.name, repository, event.number, event.head_commit, event.base_commit
    )


def _for_moved_branch(event: BranchMoved, repository: str, topology: Topology) -> Action:
    environment = _fed_by(event.branch, topology)
    if environment is None:
        return Nothing("the branch feeds no environment")
    if event.deleted or set(event.after) == {"0"}:
        return Nothing("the branch was deleted; what it released stays as it is")
    if event.before == event.after:
        return Nothing("the branch did not move")
    if environment.promotes_from:
        source = environment.promotes_from
        return Promote(environment.name, source, repository, event.after)
    return PublishAndDeploy(environment.name, repository, event.after)


def _fed_by(branch: str, topology: Topology) -> Environment | None:
    for environment in topology.environments.values():
        if environment.branch == branch:
            return environment
    return None
