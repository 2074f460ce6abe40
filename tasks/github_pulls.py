"""Pull requests on GitHub: read, comment on, open."""

from __future__ import annotations

from typing import Any

from domain.errors import RefusedInputError
from domain.pull_requests import PullRequest
from tasks.github_client import repository, translated
from tasks.task import world_task


@world_task("read pull request", "read pull request {name} #{number}")
def read_pull_request(name: str, number: int) -> PullRequest:
    """Return a pull request as GitHub has it now."""
    with translated("read a pull request", f"{name}#{number}"):
        return _pull_request(name, repository(name).get_pull(number))


@world_task("find pull requests of commit", "find pull requests of {name}@{commit}")
def pulls_of_commit(name: str, commit: str) -> list[PullRequest]:
    """Return the pull requests that a commit belongs to or that were merged as it."""
    with translated("look for pull requests", f"{name}@{commit[:7]}"):
        found = repository(name).get_commit(commit).get_pulls()
        return [_pull_request(name, pull) for pull in found]


@world_task("comment", "comment on {pull.repository} #{pull.number}")
def upsert_comment(pull: PullRequest, marker: str, body: str) -> None:
    """Write the one comment that begins with the marker, or bring it up to date."""
    with translated("comment on a pull request", f"{pull.repository}#{pull.number}"):
        issue = repository(pull.repository).get_issue(pull.number)
        text = f"{marker}\n{body}"
        for comment in issue.get_comments():
            if comment.body.startswith(marker):
                if comment.body != text:
                    comment.edit(text)
                return
        issue.create_comment(text)


@world_task("open pull request", "open pull request {name} {head} into {base}")
def open_pull_request(name: str, head: str, base: str, title: str, body: str) -> PullRequest:
    """Open a pull request, unless one of the same branches is open; return it."""
    with translated("open a pull request", f"{name} {head} -> {base}"):
        found = _open_one(name, head, base)
        if found is not None:
            return found
        made = repository(name).create_pull(base=base, head=head, title=title, body=body)
        return _pull_request(name, made)


@world_task("find open pull request", "find open pull request {name} {head} into {base}")
def find_open_pull_request(name: str, head: str, base: str) -> PullRequest | None:
    """Return the open pull request of two branches of the repository, if there is one."""
    with translated("look for a pull request", f"{name} {head} -> {base}"):
        return _open_one(name, head, base)


def _open_one(name: str, head: str, base: str) -> PullRequest | None:
    owner = name.partition("/")[0]
    found = repository(name).get_pulls(state="open", base=base, head=f"{owner}:{head}")
    return next((_pull_request(name, pull) for pull in found), None)


def _pull_request(name: str, pull: Any) -> PullRequest:
    """Translate PyGithub's object; a head whose repository is gone has no branch."""
    if pull.base is None or pull.head is None:
        raise RefusedInputError("GitHub names no branches of a pull request", where=name)
    return PullRequest(
        repository=name,
        number=pull.number,
        title=pull.title or "",
        author=pull.user.login if pull.user else "ghost",
        url=pull.html_url,
        is_open=pull.state == "open",
        merged=bool(pull.merged_at),
        mergeable=pull.raw_data.get("mergeable"),
        head_branch=pull.head.ref,
        head_commit=pull.head.sha,
        base_branch=pull.base.ref,
        merge_commit=pull.merge_commit_sha or "",
    )
