"""What GitHub is told of a commit: statuses, and what is refused before anything is built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.gitflow.branches import (
    MergeRefused,
    judge_merge,
    role_in,
    role_of_head,
    where_it_belongs,
)
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.topology import Topology

LONGEST_DESCRIPTION = 140
"""What GitHub shows of a status: https://docs.github.com/rest/commits/statuses"""
_CONTEXT = "tiercel"
_NO_ENVIRONMENT = "no-environment"
"""Stands where the base's environment does; no environment can have a name with a hyphen."""


def required_context(environment: str) -> str:
    """Return the context that branch protection demands before a merge feeds an environment.

    GitHub keeps statuses by commit: the same head may be in pull requests into several branches,
    and a success for one of them must not satisfy another. Empty for a base that feeds none.
    """
    return f"{_CONTEXT}/{environment or _NO_ENVIRONMENT}"


class StatusState(StrEnum):
    """The states of a GitHub commit status."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


class Status(Frozen):
    """A commit status, and the longer text that the comment shows.

    `subject` is a service, a promotion, or empty for the whole pull request. `environment` is the
    one that the pull request's base feeds, empty if it feeds none. A service that is `unchanged`
    was not built. One that is `undecided` is no verdict, and takes none back.
    """

    subject: str
    state: StatusState
    description: str
    details: str = ""
    unchanged: bool = False
    undecided: bool = False
    environment: str = ""

    @property
    def context(self) -> str:
        """What GitHub calls the status: no service can be named so that it has another's context.

        A service's stands below the required one, where no name of a commit leads out of.
        """
        whole = required_context(self.environment)
        return f"{whole}/{self.subject}" if self.subject else whole

    @property
    def short(self) -> str:
        """The description as GitHub takes it: one line of at most 140 characters."""
        return printable(self.description, LONGEST_DESCRIPTION)


def status_of(subject: str, state: StatusState, description: str, details: str = "") -> Status:
    """Return the status of a service, or of the whole pull request for an empty subject."""
    return Status(subject=subject, state=state, description=description, details=details)


def candidate_status(environment: str, state: StatusState, description: str) -> Status:
    """Return what a candidate's verification in an environment has come to.

    Its subject is no name that a service can have.
    """
    (status,) = placed(environment, [status_of("as candidate", state, description)])
    return status


REJECTED_STATE = "Rejected"
OUTDATED_STATE = "Outdated"


def bad_end(whole: Status) -> str:
    """Return the name under which a run is completed whose verdict is no success; else nothing.

    A verdict depends on more than the commit, and may be asked for again. There is none yet of what
    was not looked at, because its head had moved on or it was closed: that run is outdated.
    """
    match whole.state:
        case StatusState.FAILURE:
            return REJECTED_STATE
        case StatusState.ERROR:
            return OUTDATED_STATE
        case _:
            return ""


def placed(environment: str, checks: Iterable[Status]) -> list[Status]:
    """Return the same statuses, of a pull request whose base feeds that environment."""
    return [one.model_copy(update={"environment": environment}) for one in checks]


def unchanged(service: str) -> Status:
    """Return the status of a service of which nothing changes, neither source nor settings."""
    return Status(
        subject=service,
        state=StatusState.SUCCESS,
        description="unchanged: skipped",
        unchanged=True,
    )


def refused_status(
    pull_request: PullRequest, head_commit: str, topology: Topology
) -> Status | None:
    """Return why a pull request is not built at all; None if it is to be built.

    The answer belongs to `head_commit`, of which the caller was told, and not to
    whatever the head is by now.
    """
    if pull_request.head_commit != head_commit:
        return status_of(
            "",
            StatusState.ERROR,
            f"superseded: the head moved to {short_commit(pull_request.head_commit)}",
            "A newer commit was pushed before this one was verified; see its own status.",
        )
    if not pull_request.is_open:
        return status_of(
            "", StatusState.ERROR, "the pull request is closed", "Reopen it to verify it."
        )
    head = role_of_head(topology, pull_request.head_branch, from_fork=pull_request.from_fork)
    verdict = judge_merge(head, role_in(topology, pull_request.base_branch))
    if isinstance(verdict, MergeRefused):
        belongs = where_it_belongs(topology, head, pull_request.base_branch)
        where = f"it belongs into {belongs}" if belongs else verdict.reason
        details = f"{verdict.reason}: {verdict.remedy}"
        return status_of("", StatusState.FAILURE, f"wrong branch: {where}", details)
    if pull_request.mergeable is False:
        return conflict_status(pull_request)
    return None


def told_where_it_belongs(whole: Status, pull_request: PullRequest, topology: Topology) -> Status:
    """Return the verdict on a pull request that is allowed, with the branch it should go into."""
    head = role_of_head(topology, pull_request.head_branch, from_fork=pull_request.from_fork)
    belongs = where_it_belongs(topology, head, pull_request.base_branch)
    if not belongs:
        return whole
    text = f"{whole.description}; it belongs into {belongs}"
    return whole.model_copy(update={"description": text})


def conflict_status(pull_request: PullRequest) -> Status:
    """Return the status of a pull request that git cannot merge."""
    return status_of(
        "",
        StatusState.FAILURE,
        f"merge conflict with {pull_request.base_branch}",
        f"Merge {pull_request.base_branch} into your branch, solve the conflict and push.",
    )


def failed_status(subject: str, error: TiercelError) -> Status:
    """Return the status for a failure that a person can act on."""
    return status_of(subject, StatusState.FAILURE, error.what, str(error))


def undecided_status(error: TiercelError) -> Status:
    """Return the status of the whole when what a verification needs was out of reach."""
    return Status(
        subject="",
        state=StatusState.ERROR,
        description=f"not verified: {error.what}",
        undecided=True,
    )


def summary_status(
    services: Sequence[Status], promotions: Sequence[Status] = (), *, gone: int = 0
) -> Status:
    """Return the status of the whole, with the number of services that the merge would drop."""
    bad = [one for one in (*services, *promotions) if one.state is not StatusState.SUCCESS]
    if bad:
        names = ", ".join(one.subject for one in bad)
        return status_of("", StatusState.FAILURE, f"failed: {names}")
    built = sum(not one.unchanged for one in services)
    dropped = f", {gone} dropped" if gone else ""
    return status_of(
        "",
        StatusState.SUCCESS,
        f"verified: {built} built, {len(services) - built} unchanged{dropped}",
    )
