"""What GitHub says of an event, read as hostile text.

The payloads are those of https://docs.github.com/en/webhooks/webhook-events-and-payloads; a
workflow finds the one that started it in the file that GITHUB_EVENT_PATH names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.base.text import printable
from tiercel.domain.triggers.actions import Nothing
from tiercel.domain.triggers.events import (
    BranchDeleted,
    BranchMoved,
    Event,
    MergeGroupAsked,
    PullRequestChanged,
    PullRequestClosed,
    PullRequestLabels,
    Scheduled,
    ScheduledWork,
)
from tiercel.domain.triggers.forms import read_form
from tiercel.domain.triggers.payloads import (
    LONGEST_SHOWN,
    Branch,
    CommitId,
    NamedRepository,
    Number,
    Part,
    malformed,
    read_payload,
)

LARGEST_EVENT_BYTES = 25 * 1024 * 1024
"""GitHub sends no event that is larger:
https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap."""

_BRANCHES, _TAGS = "refs/heads/", "refs/tags/"
_CHANGES = frozenset({"opened", "reopened", "synchronize", "ready_for_review"})
_LABELS = frozenset({"labeled", "unlabeled"})


class _Head(Part):
    ref: Branch
    sha: CommitId
    repo: NamedRepository | None = None


class _Label(Part):
    name: str


class _PullRequest(Part):
    number: Number
    head: _Head
    base: _Head
    merged: bool = False
    state: Literal["open", "closed"] = "open"
    labels: list[_Label] = Field(default_factory=list)


class _PullRequestEvent(Part):
    action: str
    repository: NamedRepository
    pull_request: _PullRequest
    label: _Label | None = None
    changes: dict[str, Any] = Field(default_factory=dict)


class _Push(Part):
    ref: str
    before: CommitId
    after: CommitId
    deleted: bool
    repository: NamedRepository


class _Deletion(Part):
    ref: Branch
    ref_type: Literal["branch", "tag"]
    repository: NamedRepository


class _MergeGroup(Part):
    head_ref: str
    head_sha: CommitId
    base_ref: str


class _MergeGroupEvent(Part):
    action: str
    repository: NamedRepository
    merge_group: _MergeGroup


class _Schedule(Part):
    repository: NamedRepository


@dataclass(frozen=True)
class JobContext:
    """What a job knows besides its event.

    `commit` is the one at which the workflow runs: a form that names none means that one.
    `environment` and `work` say what a schedule is for.
    """

    commit: str = ""
    environment: str = ""
    work: str = ""


NO_CONTEXT = JobContext()


def read_events(name: str, payload: object, job: JobContext = NO_CONTEXT) -> list[Event] | Nothing:
    """Return what happened, given the name of a workflow's event and its payload as JSON has it.

    One payload may say two things: that a pull request changed, and which labels it has. An event
    of which nothing follows is Nothing, with the reason. Raises RefusedInputError for a payload
    that is none of GitHub's.
    """
    if name == "workflow_dispatch":
        return [read_form(payload, job.commit)]
    if name == "schedule":
        return _schedule(read_payload(_Schedule, name, payload), job)
    reader = _READERS.get(name)
    if reader is None:
        return Nothing(f"nothing follows from the event {printable(name, LONGEST_SHOWN)}")
    return reader(payload)


def _pull_request(payload: object) -> list[Event] | Nothing:
    told = read_payload(_PullRequestEvent, "pull_request", payload)
    pull, repository = told.pull_request, told.repository.full_name
    if told.action == "closed":
        closed = PullRequestClosed(repository, pull.number, pull.base.ref, pull.merged)
        return [closed, _labels(told, is_open=False)]
    if told.action in _CHANGES or (told.action == "edited" and "base" in told.changes):
        changed = PullRequestChanged(
            repository,
            pull.number,
            pull.head.ref,
            pull.base.ref,
            head_commit=pull.head.sha,
            base_commit=pull.base.sha,
            reopened=told.action == "reopened",
        )
        return [changed, _labels(told, is_open=True)]
    if told.action in _LABELS:
        return [_labels(told, is_open=pull.state == "open")]
    action = printable(told.action, LONGEST_SHOWN)
    return Nothing(f"a pull request that was {action} is as it was verified")


def _labels(told: _PullRequestEvent, *, is_open: bool) -> PullRequestLabels:
    pull, repository = told.pull_request, told.repository.full_name
    head = pull.head.repo
    return PullRequestLabels(
        repository,
        pull.number,
        pull.head.sha,
        frozenset(one.name for one in pull.labels),
        is_open=is_open,
        from_fork=head is None or head.full_name.lower() != repository.lower(),
        removed=told.label.name if told.label and told.action == "unlabeled" else "",
    )


def _push(payload: object) -> list[Event] | Nothing:
    told = read_payload(_Push, "push", payload)
    if told.ref.startswith(_TAGS):
        return Nothing("a tag was pushed: what is released has its tag already")
    branch = _branch_of(told.ref, "push", "ref")
    moved = BranchMoved(
        told.repository.full_name, branch, told.before, told.after, deleted=told.deleted
    )
    return [moved]


def _deletion(payload: object) -> list[Event] | Nothing:
    told = read_payload(_Deletion, "delete", payload)
    if told.ref_type == "tag":
        return Nothing("a tag was deleted: the ledger keeps what was released")
    return [BranchDeleted(told.repository.full_name, told.ref)]


def _merge_group(payload: object) -> list[Event] | Nothing:
    told = read_payload(_MergeGroupEvent, "merge_group", payload)
    if told.action != "checks_requested":
        action = printable(told.action, LONGEST_SHOWN)
        return Nothing(f"a merge group that was {action} asks for nothing")
    group = told.merge_group
    asked = MergeGroupAsked(
        told.repository.full_name,
        _branch_of(group.head_ref, "merge_group", "merge_group.head_ref"),
        _branch_of(group.base_ref, "merge_group", "merge_group.base_ref"),
        group.head_sha,
    )
    return [asked]


def _schedule(told: _Schedule, job: JobContext) -> list[Event] | Nothing:
    if not job.work:
        return Nothing("the workflow does not say what it does at its times: see --on-schedule")
    return [Scheduled(told.repository.full_name, job.environment, ScheduledWork(job.work))]


def _branch_of(ref: str, event: str, where: str) -> str:
    """Return the branch that a whole reference names; RefusedInputError if it is none's."""
    branch = ref.removeprefix(_BRANCHES)
    if branch == ref:
        raise malformed(event, [f"{where}: neither a branch nor a tag"])
    if not is_legal_branch(branch):
        raise malformed(event, [f"{where}: git allows no branch of this name"])
    return branch


_READERS: dict[str, Callable[[object], list[Event] | Nothing]] = {
    "delete": _deletion,
    "merge_group": _merge_group,
    "pull_request": _pull_request,
    "pull_request_target": _pull_request,
    "push": _push,
}
