"""Which action an event on GitHub calls for, or why for none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.environments import OriginKind
from tiercel.domain.ephemeral.origins import Origin
from tiercel.domain.gitflow.branches import candidate_branches, environment_fed_by
from tiercel.domain.organization.names import names_of_stack
from tiercel.domain.organization.on_demand import name_for_pull_request
from tiercel.domain.organization.topology import Environment, Topology
from tiercel.domain.triggers.actions import (
    Action,
    BringUp,
    EndPreview,
    Follow,
    Nothing,
    Preview,
    Promote,
    PublishAndDeploy,
    Rebuild,
    RollBack,
    TakeDown,
    VerifyCandidate,
    VerifyMergeGroup,
    VerifyPullRequest,
)
from tiercel.domain.triggers.events import (
    BranchDeleted,
    BranchMoved,
    CandidateAsked,
    EndAsked,
    EnvironmentAsked,
    Event,
    MergeGroupAsked,
    PullRequestChanged,
    PullRequestClosed,
    PullRequestLabels,
    RebuildAsked,
    ReleaseAsked,
    RollbackAsked,
    Scheduled,
    ScheduledWork,
)


def action_for(event: Event, topology: Topology) -> Action:
    """Return what an event calls for; the event is a hint, and AWS and git are the truth.

    Raises ConfigurationError or RefusedInputError for an environment or a stack that a person
    named and nobody knows.
    """
    repository = topology.current_name(event.repository)
    if not topology.organization.owns(repository):
        return Nothing("the repository is not one of organization.repositories")
    if isinstance(event, ReleaseAsked | RollbackAsked | CandidateAsked):
        return _for_release(event, repository, topology)
    if isinstance(event, RebuildAsked | Scheduled):
        return _for_whole_environment(event, topology)
    if isinstance(event, EnvironmentAsked | EndAsked | BranchDeleted | PullRequestLabels):
        return _for_environment_on_demand(event, repository, topology)
    return _for_code(event, repository, topology)


def _for_code(
    event: PullRequestChanged | PullRequestClosed | MergeGroupAsked | BranchMoved,
    repository: str,
    topology: Topology,
) -> Action:
    match event:
        case PullRequestChanged():
            return _for_changed_pull_request(event, repository, topology)
        case PullRequestClosed():
            return Nothing(
                "the base branch moved with the merge, and that event is acted on"
                if event.merged
                else "the pull request was closed without a merge"
            )
        case MergeGroupAsked():
            return _for_merge_group(event, repository, topology)
        case BranchMoved():
            return _for_moved_branch(event, repository, topology)


def _for_release(
    event: ReleaseAsked | RollbackAsked | CandidateAsked, repository: str, topology: Topology
) -> Action:
    match event:
        case ReleaseAsked():
            environment = topology.environment(event.environment)
            if event.promotes and not environment.promotes_from:
                raise _nothing_to_promote(environment)
            return _release_to(environment, repository, event.commit)
        case RollbackAsked():
            names = names_of_stack(topology, event.stack)
            return RollBack(names.environment.name, event.stack, event.release)
        case CandidateAsked():
            return VerifyCandidate(topology.verifying.name, repository, event.revision)


def _for_whole_environment(event: RebuildAsked | Scheduled, topology: Topology) -> Action:
    name = topology.environment(event.environment).name
    match event:
        case RebuildAsked():
            return Rebuild(name, event.approve, event.account, plan_only=not event.approve)
        case Scheduled():
            return Rebuild(name) if event.work is ScheduledWork.DRILL else Follow(name)


def _for_environment_on_demand(
    event: EnvironmentAsked | EndAsked | BranchDeleted | PullRequestLabels,
    repository: str,
    topology: Topology,
) -> Action:
    match event:
        case PullRequestLabels():
            return _for_labels(event, repository, topology)
        case BranchDeleted():
            return _for_deleted_branch(event, repository, topology)
        case EnvironmentAsked():
            _ = topology.on_demand
            return BringUp(topology.verifying.name, replace(event, repository=repository))
        case EndAsked():
            _ = topology.on_demand
            return TakeDown(topology.verifying.name, event.name)


def _for_changed_pull_request(
    event: PullRequestChanged, repository: str, topology: Topology
) -> Action:
    environment = environment_fed_by(topology, event.base)
    if environment is None:
        return Nothing("the pull request's base branch feeds no environment")
    return VerifyPullRequest(
        environment.name,
        repository,
        event.number,
        event.base,
        event.head_commit,
        event.base_commit,
        reopened=event.reopened,
    )


def _for_labels(event: PullRequestLabels, repository: str, topology: Topology) -> Action:
    """What is only a hint: the flow itself asks GitHub who set the label, and what he may do."""
    if topology.ephemeral is None:
        return Nothing("there are no environments on demand")
    label, host = topology.ephemeral.preview_label, topology.verifying.name
    if not has_label({event.removed, *event.labels}, label):
        return Nothing(f"the pull request does not have the label {label}")
    if event.from_fork:
        return Nothing("a pull request of a fork gets no environment on demand")
    if event.is_open and has_label(event.labels, label):
        return Preview(host, repository, event.number, event.head_commit)
    name = name_for_pull_request(repository, event.number)
    return EndPreview(host, repository, event.number, event.head_commit, name)


def has_label(labels: Iterable[str], label: str) -> bool:
    """Tell whether a label is among others: GitHub does not tell upper from lower case there."""
    return label.lower() in {one.lower() for one in labels}


def _for_merge_group(event: MergeGroupAsked, repository: str, topology: Topology) -> Action:
    environment = environment_fed_by(topology, event.base)
    if environment is None:
        return Nothing("the queue's base branch feeds no environment")
    return VerifyMergeGroup(environment.name, repository, event.branch, event.head_commit)


def _for_moved_branch(event: BranchMoved, repository: str, topology: Topology) -> Action:
    environment = environment_fed_by(topology, event.branch)
    if environment is None and not candidate_branches(topology, [event.branch]):
        return Nothing("the branch feeds no environment")
    if event.deleted or set(event.after) == {"0"}:
        return Nothing("the branch was deleted, which GitHub tells by the event `delete`")
    if event.before == event.after:
        return Nothing("the branch did not move")
    if environment is None:
        return VerifyCandidate(topology.verifying.name, repository, event.after)
    return _release_to(environment, repository, event.after)


def _for_deleted_branch(event: BranchDeleted, repository: str, topology: Topology) -> Action:
    if environment_fed_by(topology, event.branch):
        return Nothing("the branch was deleted; what it released stays as it is")
    if topology.ephemeral is None:
        return Nothing("there are no environments on demand")
    candidate = candidate_branches(topology, [event.branch])
    kind = OriginKind.CANDIDATE if candidate else OriginKind.BRANCH
    name = Origin(kind, event.branch).name(repository)
    return TakeDown(topology.verifying.name, name, if_there=True)


def _release_to(environment: Environment, repository: str, commit: str) -> Action:
    source = environment.promotes_from
    if source:
        return Promote(environment.name, source, repository, commit)
    return PublishAndDeploy(environment.name, repository, commit)


def _nothing_to_promote(environment: Environment) -> RefusedInputError:
    return RefusedInputError(
        "event.no_promotion",
        f"nothing is promoted to {environment.name}",
        where="inputs.environment",
        why="tiercel.toml names no environment that it promotes from",
        state="nothing was started",
        remedy="name one that promotes, such as prod; elsewhere ask for a release",
    )
