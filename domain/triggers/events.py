"""What happens on GitHub; `actions` has what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class PullRequestChanged:
    """A pull request was opened, reopened, retargeted or got another head.

    One that was `reopened` may have been closed for nothing else than to be looked at again.
    """

    repository: str
    number: int
    head: str
    base: str
    head_commit: str
    base_commit: str
    reopened: bool = False


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
class PullRequestLabels:
    """Which labels a pull request has after something happened to it.

    `removed` is the label that was taken away just now. The head of one `from_fork` is a branch of
    another repository.
    """

    repository: str
    number: int
    head_commit: str
    labels: frozenset[str]
    is_open: bool = True
    from_fork: bool = False
    removed: str = ""


@dataclass(frozen=True)
class MergeGroupAsked:
    """A merge queue asks whether what it would merge into `base` may be merged.

    `branch` is the queue's own for that, such as `gh-readonly-queue/main/pr-7-COMMIT`, and
    `head_commit` what the base will be.
    """

    repository: str
    branch: str
    base: str
    head_commit: str


@dataclass(frozen=True)
class BranchDeleted:
    """A branch was deleted."""

    repository: str
    branch: str


@dataclass(frozen=True)
class ReleaseAsked:
    """A person asked, by a form of a workflow, that a commit be released.

    With `promotes` it is to an environment that promotes, and to no other.
    """

    repository: str
    environment: str
    commit: str
    promotes: bool = False


@dataclass(frozen=True)
class RollbackAsked:
    """A person asked that an earlier release of a stack be released again, 0 for the last good."""

    repository: str
    stack: str
    release: int


@dataclass(frozen=True)
class CandidateAsked:
    """A person asked that what a hotfix or release branch brings be verified."""

    repository: str
    revision: str


@dataclass(frozen=True)
class RebuildAsked:
    """A person asked for a drill: its plan, or with the plan's digest the drill itself."""

    repository: str
    environment: str
    approve: str = ""
    account: str = ""


@dataclass(frozen=True)
class EnvironmentAsked:
    """A person asked for an environment on demand; empty and 0 stand for what is not given."""

    repository: str
    revision: str = ""
    pull_request: int = 0
    name: str = ""
    services: str = ""
    hours: int = 0
    purpose: str = ""


@dataclass(frozen=True)
class EndAsked:
    """A person asked that an environment on demand be taken down."""

    repository: str
    name: str


class ScheduledWork(StrEnum):
    """What a workflow may do at its times."""

    FOLLOW = "follow"
    DRILL = "drill"


@dataclass(frozen=True)
class Scheduled:
    """A workflow of the repository runs because it is time, for one environment."""

    repository: str
    environment: str
    work: ScheduledWork


PersonalWish = (
    ReleaseAsked
    | RollbackAsked
    | CandidateAsked
    | RebuildAsked
    | EnvironmentAsked
    | EndAsked
    | Scheduled
    | BranchDeleted
)
"""Events each of which has a run of its own, though another one asked for the same before.

Most are what a person asked for by a form; the others come once, too."""

Event = (
    PullRequestChanged
    | PullRequestClosed
    | PullRequestLabels
    | MergeGroupAsked
    | BranchMoved
    | PersonalWish
)
