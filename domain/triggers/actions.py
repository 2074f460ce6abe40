"""What is done about an event on GitHub; `rules` says about which."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.triggers.events import EnvironmentAsked


@dataclass(frozen=True)
class VerifyPullRequest:
    """Build and test the merge ref in the environment's InfrastructureAccount."""

    environment: str
    repository: str
    number: int
    base: str
    head_commit: str
    base_commit: str
    reopened: bool = False


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
class VerifyMergeGroup:
    """Build and test what a merge queue would merge, and say so on the queue's commit."""

    environment: str
    repository: str
    branch: str
    commit: str


@dataclass(frozen=True)
class BringUp:
    """Bring up an environment on demand as a person described it, or bring it up to date."""

    environment: str
    asked: EnvironmentAsked


@dataclass(frozen=True)
class Preview:
    """Bring up the environment on demand of a pull request that has the label for it."""

    environment: str
    repository: str
    number: int
    head_commit: str


@dataclass(frozen=True)
class EndPreview:
    """Take it down: the label is gone, or the pull request is closed."""

    environment: str
    repository: str
    number: int
    head_commit: str
    name: str


@dataclass(frozen=True)
class TakeDown:
    """Take an environment on demand down; with `if_there` it may be that there never was one."""

    environment: str
    name: str
    if_there: bool = False


@dataclass(frozen=True)
class Rebuild:
    """Delete an environment and rebuild it; without `approve` that is the standing approval's."""

    environment: str
    approve: str = ""
    account: str = ""
    plan_only: bool = False


@dataclass(frozen=True)
class Follow:
    """Compare what GitHub has with the runs that there are, and start what is missing."""

    environment: str


@dataclass(frozen=True)
class Nothing:
    """The event calls for no action, for this reason."""

    reason: str


Action = (
    VerifyPullRequest
    | VerifyMergeGroup
    | PublishAndDeploy
    | VerifyCandidate
    | Promote
    | RollBack
    | Preview
    | EndPreview
    | BringUp
    | TakeDown
    | Rebuild
    | Follow
    | Nothing
)
