"""What GitHub says of an event, read as hostile text.

The payloads are those of https://docs.github.com/en/webhooks/webhook-events-and-payloads; a
workflow finds the one that started it in the file that GITHUB_EVENT_PATH names.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.git_names import is_legal_branch
from tiercel.domain.base.text import printable
from tiercel.domain.gitflow.events import (
    BranchMoved,
    Event,
    Nothing,
    PullRequestChanged,
    PullRequestClosed,
    ReleaseAsked,
    RollbackAsked,
)
from tiercel.domain.organization.parts import OneRepository
from tiercel.domain.organization.requests import (
    COMMIT_ID_PATTERN,
    ENVIRONMENT_PATTERN,
    LARGEST_NUMBER,
    STACK_PATTERN,
)

LARGEST_EVENT_BYTES = 25 * 1024 * 1024
"""GitHub sends no event that is larger:
https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap."""

_NO_COMMIT = "0" * 40
_BRANCHES, _TAGS = "refs/heads/", "refs/tags/"
_CHANGES = frozenset({"opened", "reopened", "synchronize", "ready_for_review"})
_LONGEST_SHOWN = 80
_MOST_FINDINGS = 5

_P = TypeVar("_P", bound=BaseModel)


def _branch(name: str) -> str:
    if not is_legal_branch(name):
        raise ValueError("git allows no branch of this name")
    return name


_Branch = Annotated[str, AfterValidator(_branch)]
_CommitId = Annotated[str, StringConstraints(pattern=COMMIT_ID_PATTERN)]
_Number = Annotated[int, Field(strict=True, ge=1, le=LARGEST_NUMBER)]


class _Part(BaseModel):
    """A part of a payload: GitHub adds keys as it likes."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _Repository(_Part):
    full_name: OneRepository


class _Head(_Part):
    ref: _Branch
    sha: _CommitId


class _PullRequest(_Part):
    number: _Number
    head: _Head
    base: _Head
    merged: bool = False


class _PullRequestEvent(_Part):
    action: str
    repository: _Repository
    pull_request: _PullRequest
    changes: dict[str, Any] = Field(default_factory=dict)


class _Push(_Part):
    ref: str
    before: _CommitId
    after: _CommitId
    deleted: bool
    repository: _Repository


class _Deletion(_Part):
    ref: _Branch
    ref_type: Literal["branch", "tag"]
    repository: _Repository


class _Form(_Part):
    """The inputs of a workflow that people start; GitHub gives all of them as text.

    Those of a form that is left empty are empty, so that one workflow may have both.
    """

    action: Literal["release", "rollback"]
    environment: Annotated[str, StringConstraints(pattern=ENVIRONMENT_PATTERN)] | Literal[""] = ""
    commit: _CommitId | Literal[""] = ""
    stack: Annotated[str, StringConstraints(pattern=STACK_PATTERN)] | Literal[""] = ""
    release: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")] | Literal[""] = ""


class _Dispatch(_Part):
    repository: _Repository
    inputs: _Form


def read_event(name: str, payload: object, commit: str = "") -> Event | Nothing:
    """Return what happened, given the name of a workflow's event and its payload as JSON has it.

    `commit` is the one at which the workflow runs: a form that names none means that one.
    An event of which nothing follows is Nothing, with the reason. Raises RefusedInputError for a
    payload that is none of GitHub's.
    """
    match name:
        case "pull_request" | "pull_request_target":
            return _pull_request(_parsed(_PullRequestEvent, name, payload))
        case "push":
            return _push(_parsed(_Push, name, payload))
        case "delete":
            return _deletion(_parsed(_Deletion, name, payload))
        case "workflow_dispatch":
            return _dispatch(_parsed(_Dispatch, name, payload), commit)
        case _:
            return Nothing(f"nothing follows from the event {printable(name, _LONGEST_SHOWN)}")


def _pull_request(told: _PullRequestEvent) -> Event | Nothing:
    pull, repository = told.pull_request, told.repository.full_name
    if told.action == "closed":
        return PullRequestClosed(repository, pull.number, pull.base.ref, pull.merged)
    if told.action in _CHANGES or (told.action == "edited" and "base" in told.changes):
        return PullRequestChanged(
            repository,
            pull.number,
            pull.head.ref,
            pull.base.ref,
            head_commit=pull.head.sha,
            base_commit=pull.base.sha,
        )
    action = printable(told.action, _LONGEST_SHOWN)
    return Nothing(f"a pull request that was {action} is as it was verified")


def _push(told: _Push) -> Event | Nothing:
    if told.ref.startswith(_TAGS):
        return Nothing("a tag was pushed: what is released has its tag already")
    if not told.ref.startswith(_BRANCHES):
        raise _malformed("push", ["ref: neither a branch nor a tag"])
    branch = told.ref.removeprefix(_BRANCHES)
    if not is_legal_branch(branch):
        raise _malformed("push", ["ref: git allows no branch of this name"])
    return BranchMoved(
        told.repository.full_name, branch, told.before, told.after, deleted=told.deleted
    )


def _deletion(told: _Deletion) -> Event | Nothing:
    if told.ref_type == "tag":
        return Nothing("a tag was deleted: the ledger keeps what was released")
    return BranchMoved(told.repository.full_name, told.ref, _NO_COMMIT, _NO_COMMIT, deleted=True)


def _dispatch(told: _Dispatch, commit: str) -> Event:
    form, repository = told.inputs, told.repository.full_name
    if form.action == "rollback":
        if not form.stack:
            raise _malformed("workflow_dispatch", ["inputs.stack: a rollback needs one"])
        return RollbackAsked(repository, form.stack, int(form.release or 0))
    wanted = form.commit or commit
    if not form.environment or not re.fullmatch(COMMIT_ID_PATTERN, wanted):
        raise _malformed(
            "workflow_dispatch", ["inputs: a release needs an environment and a commit"]
        )
    return ReleaseAsked(repository, form.environment, wanted)


def _parsed(kind: type[_P], name: str, payload: object) -> _P:
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        findings = [
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise _malformed(name, findings) from None


def _malformed(name: str, findings: list[str]) -> RefusedInputError:
    return RefusedInputError(
        "event.malformed",
        f"the event is no {printable(name, _LONGEST_SHOWN)} of GitHub's",
        where="GITHUB_EVENT_PATH",
        why="\n".join(printable(one, 200) for one in findings[:_MOST_FINDINGS]),
        state="nothing was called",
        remedy="run this in a job of a GitHub workflow, which says its event in GITHUB_EVENT_NAME "
        "and GITHUB_EVENT_PATH; or start the flow by its own command",
    )
