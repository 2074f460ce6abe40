"""What happens on GitHub, and which action it calls for."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.gitflow.branches import candidate_branches, environment_fed_by
from tiercel.domain.organization.names import names_of_stack
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


@dataclass(frozen=True)
class ReleaseAsked:
    """A person asked, by a form of a workflow, that a commit be released."""

    repository: str
    environment: str
    commit: str


@dataclass(frozen=True)
class RollbackAsked:
    """A person asked that an earlier release of a stack be released again, 0 for the last good."""

    repository: str
    stack: str
    release: int


Event = PullRequestChanged | PullRequestClosed | BranchMoved | ReleaseAsked | RollbackAsked


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
class VerifyCandidate:
    """Verify what a hotfix or release branch brings, so that its merge can be promoted."""

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
class RollBack:
    """Release an earlier release of a stack again, from the ledger of its environment alone."""

    environment: str
    stack: str
    release: int


@dataclass(frozen=True)
class Nothing:
    """The event calls for no action, for this reason."""

    reason: str


Action = VerifyPullRequest | PublishAndDeploy | VerifyCandidate | Promote | RollBack | Nothing


def action_for(event: Event, topology: Topology) -> Action:
    """Return what an event calls for; the event is a hint, and AWS and git are the truth.

    Raises ConfigurationError or RefusedInputError for an environment or a stack that a person
    named and nobody knows.
    """
    repository = topology.current_name(event.repository)
    if not topology.organization.owns(repository):
        return Nothing("the repository is not one of organization.repositories")
    match event:
        case PullRequestChanged():
            return _for_changed_pull_request(event, repository, topology)
        case PullRequestClosed():
            return Nothing(
                "the base branch moved with the merge, and that event is acted on"
                if event.merged
                else "the pull request was closed without a merge"
            )
        case BranchMoved():
            return _for_moved_branch(event, repository, topology)
        case ReleaseAsked():
            environment = topology.environment(event.environment)
            return _release_to(environment, repository, event.commit)
        case RollbackAsked():
            names = names_of_stack(topology, event.stack)
            return RollBack(names.environment.name, event.stack, event.release)


def _for_changed_pull_request(
    event: PullRequestChanged, repository: str, topology: Topology
) -> Action:
    environment = environment_fed_by(topology, event.base)
    if environment is None:
        return Nothing("the pull request's base branch feeds no environment")
    return VerifyPullRequest(
        environment.name, repository, event.number, event.head_commit, event.base_commit
    )


def _for_moved_branch(event: BranchMoved, repository: str, topology: Topology) -> Action:
    environment = environment_fed_by(topology, event.branch)
    if environment is None and not candidate_branches(topology, [event.branch]):
        return Nothing("the branch feeds no environment")
    if event.deleted or set(event.after) == {"0"}:
        return Nothing("the branch was deleted; what it released stays as it is")
    if event.before == event.after:
        return Nothing("the branch did not move")
    if environment is None:
        return VerifyCandidate(topology.verifying.name, repository, event.after)
    return _release_to(environment, repository, event.after)


def _release_to(environment: Environment, repository: str, commit: str) -> Action:
    source = environment.promotes_from
    if source:
        return Promote(environment.name, source, repository, commit)
    return PublishAndDeploy(environment.name, repository, commit)
