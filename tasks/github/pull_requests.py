"""Pull requests on GitHub: read, comment on, open."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from github import UnknownObjectException
from github.Issue import Issue
from github.IssueComment import IssueComment

from tiercel.domain.base.errors import RefusedInputError, UnreachableError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.transport.client import github_call, is_us, repository
from tiercel.tasks.github.transport.remembering import remembered

_MERGEABILITY_SECONDS = 60.0
_MERGEABILITY_POLL_SECONDS = 1.0


@world_task("read pull request", "read pull request {name} #{number}")
def read_pull_request(name: str, number: int) -> PullRequest:
    """Return a pull request as GitHub has it now."""
    with github_call("read a pull request", f"{name}#{number}"):
        pull = repository(name).get_pull(number)
        return _pull_request(name, pull, mergeable=pull.mergeable)


@world_task("wait for mergeability", "wait for mergeability of {name} #{number}")
def await_mergeability(
    name: str, number: int, seconds: float = _MERGEABILITY_SECONDS
) -> PullRequest:
    """Return a pull request once GitHub knows whether it can be merged, or it is closed.

    GitHub computes that after each change, and asks to be asked again:
    https://docs.github.com/rest/pulls/pulls#get-a-pull-request
    """
    ends = time.monotonic() + seconds
    while True:
        pull = read_pull_request.fn(name, number)
        if pull.mergeable is not None or not pull.is_open:
            return pull
        if time.monotonic() >= ends:
            raise UnreachableError(
                "github.mergeability_unknown",
                f"GitHub does not say whether #{number} can be merged",
                where=f"{name}#{number}",
                state="nothing was built",
                remedy="run it again in a minute",
            )
        pause(_MERGEABILITY_POLL_SECONDS)


@world_task("find pull requests of commit", "find pull requests of {name}@{commit:.7}")
def pulls_of_commit(name: str, commit: str) -> list[PullRequest]:
    """Return the pull requests that a commit belongs to or that were merged as it."""
    with github_call("look for pull requests", f"{name}@{short_commit(commit)}"):
        found = repository(name).get_commit(commit).get_pulls()
        return [_pull_request(name, pull) for pull in found]


@world_task("list open pull requests", "list open pull requests of {name}")
def open_pull_requests(name: str) -> list[PullRequest]:
    """Return the open pull requests of a repository, those of forks too; a request for each 100.

    What has not changed since this worker asked last is not sent again.
    """
    with github_call("list the open pull requests", name), remembered(f"open pulls of {name}"):
        return [_pull_request(name, pull) for pull in repository(name).get_pulls(state="open")]


@world_task("comment", "comment on {pull.repository} #{pull.number}")
def upsert_comment(pull: PullRequest, marker: str, body: str) -> None:
    """Write the one comment of ours that begins with the marker, or bring it up to date.

    Of several, which runs write that begin at the same moment, the oldest is kept. Somebody
    else's comment that begins like ours stays as it is: its author could change the verdict
    in it.
    """
    with github_call("comment on a pull request", f"{pull.repository}#{pull.number}"):
        issue = repository(pull.repository).get_issue(pull.number)
        text = f"{marker}\n{body}"
        ours = _ours(issue, marker)
        if not ours:
            made = issue.create_comment(text)
            ours = _ours(issue, marker) or [made]
        oldest, *others = ours
        if oldest.body != text:
            oldest.edit(text)
        for other in others:
            # The run that wrote it may have removed it a moment ago.
            with suppress(UnknownObjectException):
                other.delete()


@world_task("open pull request", "open pull request {name} {head} into {base}")
def open_pull_request(name: str, head: str, base: str, title: str, body: str) -> PullRequest:
    """Open a pull request, unless one of the same branches is open; return it."""
    with github_call("open a pull request", f"{name} {head} -> {base}"):
        found = _open_one(name, head, base)
        if found is not None:
            return found
        made = repository(name).create_pull(base=base, head=head, title=title, body=body)
        return _pull_request(name, made)


@world_task("find open pull request", "find open pull request {name} {head} into {base}")
def find_open_pull_request(name: str, head: str, base: str) -> PullRequest | None:
    """Return the open pull request of two branches of the repository, if there is one."""
    with github_call("look for a pull request", f"{name} {head} -> {base}"):
        return _open_one(name, head, base)


def _ours(issue: Issue, marker: str) -> list[IssueComment]:
    """Return our comments that begin with the marker, oldest first."""
    found = issue.get_comments()
    return [one for one in found if (one.body or "").startswith(marker) and is_us(one.user)]


def _open_one(name: str, head: str, base: str) -> PullRequest | None:
    """Return the open one; GitHub lists all where it does not understand `head`."""
    owner = name.partition("/")[0]
    found = repository(name).get_pulls(state="open", base=base, head=f"{owner}:{head}")
    pulls = (_pull_request(name, pull) for pull in found)
    own = (pull for pull in pulls if not pull.from_fork)
    return next((p for p in own if (p.head_branch, p.base_branch) == (head, base)), None)


def _pull_request(name: str, pull: Any, *, mergeable: bool | None = None) -> PullRequest:
    """Translate PyGithub's object; a head whose repository is gone has no branch.

    Only what was read by itself knows `mergeable`: in a list PyGithub would have to ask
    once more for every pull request.
    """
    if pull.base is None or pull.head is None:
        raise RefusedInputError(
            "github.branches_unknown", "GitHub names no branches of a pull request", where=name
        )
    return PullRequest(
        repository=name,
        number=pull.number,
        title=pull.title or "",
        author=pull.user.login if pull.user else "ghost",
        author_id=pull.user.id if pull.user else 0,
        url=pull.html_url,
        is_open=pull.state == "open",
        merged=bool(pull.merged_at),
        mergeable=mergeable,
        head_branch=pull.head.ref,
        head_commit=pull.head.sha,
        base_branch=pull.base.ref,
        base_commit=pull.base.sha,
        merge_commit=pull.merge_commit_sha or "",
        from_fork=_is_fork(pull),
        labels=tuple(str(one.name) for one in pull.labels or ()),
    )


def _is_fork(pull: Any) -> bool:
    """Tell whether the head lies in another repository than the base, be it one that is gone.

    From the answer itself: PyGithub would ask for a repository of which something is missing.
    """
    head, base = (part.raw_data.get("repo") or {} for part in (pull.head, pull.base))
    return bool(head.get("full_name") != base.get("full_name"))
