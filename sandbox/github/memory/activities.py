"""What happens in a repository, as the stand-in remembers it: one frozen record a thing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from tiercel.sandbox.github.memory.records import Record

MergeMethod = Literal["merge", "squash", "rebase"]
PushKind = Literal["push", "force_push", "branch_creation", "branch_deletion", "pr_merge"]
ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]


class PullRequestRecord(Record):
    """A pull request inside one repository.

    `mergeable` and `test_merge` belong to the pair `head_sha` and `base_sha`. While
    `unknown_reads` is positive a reader is told that mergeability is not known yet, and the
    merge reference is that of before.
    """

    number: int
    title: str
    body: str | None
    draft: bool
    state: Literal["open", "closed"] = "open"
    user: int
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    last_pusher: int
    mergeable: bool = False
    test_merge: str | None = None
    unknown_reads: int = 0
    merged_by: int | None = None
    merge_commit: str | None = None
    labels: list[int] = Field(default_factory=list)
    maintainer_can_modify: bool = False
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None
    merged_at: datetime | None = None

    @property
    def key(self) -> str:
        """The number."""
        return str(self.number)


class PushRecord(Record):
    """What moved a branch; `ref` is complete, and commits are zeros where there was none."""

    ref: str
    before: str
    after: str
    kind: PushKind
    actor: int
    at: datetime

    @property
    def key(self) -> str:
        """The branch."""
        return self.ref


class Review(Record):
    """A review of a pull request at one commit; `edited_at` is when its text was changed last."""

    number: int
    user: int
    body: str
    state: ReviewState
    commit: str
    submitted_at: datetime | None
    edited_at: datetime | None = None

    @property
    def key(self) -> str:
        """The pull request's number."""
        return str(self.number)


class Comment(Record):
    """A comment on a pull request."""

    number: int
    user: int
    body: str
    via_app: bool
    created_at: datetime
    updated_at: datetime

    @property
    def key(self) -> str:
        """The pull request's number."""
        return str(self.number)


class Label(Record):
    """A label of a repository."""

    name: str
    color: str
    description: str | None

    @property
    def key(self) -> str:
        """Names of labels are case-insensitive."""
        return self.name.lower()


class IssueEvent(Record):
    """That somebody set a label of a pull request, or took it away; the label's name is kept."""

    number: int
    event: Literal["labeled", "unlabeled"]
    actor: int
    label: str
    color: str
    created_at: datetime

    @property
    def key(self) -> str:
        """The pull request's number."""
        return str(self.number)


class StatusRecord(Record):
    """A commit status."""

    sha: str
    state: Literal["error", "failure", "pending", "success"]
    context: str
    description: str | None
    target_url: str | None
    creator: int
    created_at: datetime

    @property
    def key(self) -> str:
        """The commit."""
        return self.sha


class Deployment(Record):
    """A deployment of a commit to an environment."""

    sha: str
    ref: str
    task: str
    payload: dict[str, Any] | str
    environment: str
    description: str | None
    transient: bool
    production: bool
    creator: int
    created_at: datetime
    updated_at: datetime


class DeploymentStatus(Record):
    """What became of a deployment."""

    deployment: int
    state: str
    description: str
    environment: str
    target_url: str
    environment_url: str
    creator: int
    created_at: datetime

    @property
    def key(self) -> str:
        """The deployment."""
        return str(self.deployment)


class DeploymentEnvironment(Record):
    """A deployment environment and what it asks for."""

    name: str
    wait_timer: int = 0
    prevent_self_review: bool = False
    reviewers: list[int] = Field(default_factory=list)
    branch_policy: dict[str, bool] | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def key(self) -> str:
        """Names of environments are case-insensitive."""
        return self.name.lower()


class BranchPolicyRecord(Record):
    """A pattern of the branches or tags that may deploy to an environment."""

    environment: int
    name: str
    type: Literal["branch", "tag"]

    @property
    def key(self) -> str:
        """The environment."""
        return str(self.environment)


class ReleaseRecord(Record):
    """A release; `created_at` is the date of the tagged commit."""

    tag: str
    target: str
    name: str | None
    body: str | None
    draft: bool
    prerelease: bool
    author: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None


class Hook(Record):
    """A webhook of a repository."""

    url: str
    content_type: Literal["json", "form"]
    secret: str
    insecure_ssl: str
    events: list[str]
    active: bool
    last_code: int | None = None
    last_message: str | None = None
    created_at: datetime
    updated_at: datetime


class Delivery(Record):
    """One attempt to deliver an event; pending until `delivered_at` is set."""

    hook: int
    guid: str
    event: str
    action: str | None
    payload: dict[str, Any]
    redelivery: bool
    delivered_at: datetime | None = None
    duration: float = 0.0
    status: str = ""
    status_code: int = 0
    request_headers: dict[str, str] = Field(default_factory=dict)
    response_headers: dict[str, str] = Field(default_factory=dict)
    response_body: str = ""

    @property
    def key(self) -> str:
        """The hook."""
        return str(self.hook)
