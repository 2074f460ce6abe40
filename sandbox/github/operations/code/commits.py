"""Commits of a repository, and what two of them differ in.

https://docs.github.com/en/rest/commits
"""

from __future__ import annotations

import re

from tiercel.sandbox.github.git.commits_and_trees import read_commit
from tiercel.sandbox.github.git.differences import changes
from tiercel.sandbox.github.memory.activities import PullRequestRecord
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Route, read
from tiercel.sandbox.github.rules.errors import EMPTY_REPOSITORY, ApiError, not_found
from tiercel.sandbox.github.views.commits import (
    commit_view,
    commit_with_files,
    known_user,
    list_commits,
    listed_files,
)
from tiercel.sandbox.github.views.pulls import simple_pull

_MOST_FILES = 300
_MOST_COMMITS = 250
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})")


def _list(call: ApiCall) -> Answer:
    """List a branch's history, newest first; `path`, `author`, `since` and `until` choose."""
    name = call.query.get("sha") or call.repository.default_branch
    if not call.git.references("refs/heads"):
        raise ApiError(EMPTY_REPOSITORY)
    start = call.git.commit(name)
    path = call.query.get("path", "").strip("/")
    if start is None or "\0" in path:
        raise not_found()
    options = [
        f"--{key}={call.query[key]}"
        for key in ("since", "until")
        if _MOMENT.fullmatch(call.query.get(key, ""))
    ]
    shas = call.git.history(*options, start, "--", *([path] if path else []))
    if call.query.get("author"):
        shas = [sha for sha in shas if _is_by(call, sha, call.query["author"])]
    chosen, headers = call.cut(shas)
    return Answer(200, list_commits(call.world, call.repository, chosen), headers)


def _is_by(call: ApiCall, sha: str, author: str) -> bool:
    email = read_commit(call.git, sha).author.email
    user = known_user(call.world, email)
    return author == email or (user is not None and user.login.lower() == author.lower())


def _get(call: ApiCall) -> Answer:
    sha = call.commit(call.parameters["ref"])
    return Answer(200, commit_with_files(call.world, call.repository, sha))


def _pulls(call: ApiCall) -> Answer:
    """List the pull requests that a commit came with."""
    sha, git = call.commit(call.parameters["commit_sha"]), call.git
    found = [
        pull
        for pull in call.world.store.find(PullRequestRecord, call.repository.id)
        if pull.merge_commit == sha
        or (git.is_ancestor(sha, pull.head_sha) and not git.is_ancestor(sha, pull.base_sha))
    ]
    return call.page(found, lambda pull: simple_pull(call.world, call.repository, pull))


def _compare(call: ApiCall) -> Answer:
    """Compare two commits from their common ancestor on, as `git diff base...head`."""
    base_name, dots, head_name = call.parameters["basehead"].partition("...")
    base, head = (call.git.commit(_local(call, name)) for name in (base_name, head_name))
    if not dots or base is None or head is None:
        raise not_found()
    start = call.git.merge_base(base, head)
    if start is None:
        message = f"No common ancestor between {base_name} and {head_name}."
        raise ApiError(not_found().refusal, message=message)
    return _comparison(call, f"{base_name}...{head_name}", base, head, start)


def _comparison(call: ApiCall, span: str, base: str, head: str, start: str) -> Answer:
    world, repository, git = call.world, call.repository, call.git
    ahead = git.history("--reverse", "--topo-order", f"^{base}", head, "--")
    behind = git.count(head, base)
    page = world.urls.page(repository.full_name, "compare", span)
    shown, headers = call.cut(ahead) if "page" in call.query else (ahead[-_MOST_COMMITS:], {})
    files = changes(git, start, head)[:_MOST_FILES]
    view: JsonObject = {
        "url": world.urls.repository(repository.full_name, "compare", span),
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": commit_view(world, repository, read_commit(git, base)),
        "merge_base_commit": commit_view(world, repository, read_commit(git, start)),
        "status": _status(len(ahead), behind),
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "commits": list_commits(world, repository, shown),
        "files": listed_files(world, repository, head, files),
    }
    return Answer(200, view, headers)


def _status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    if ahead:
        return "ahead"
    return "behind" if behind else "identical"


def _local(call: ApiCall, name: str) -> str:
    """Return a name without its owner, who can only be this repository's."""
    owner, colon, rest = name.partition(":")
    return rest if colon and owner.lower() == call.repository.owner_login.lower() else name


_REPO = "/repos/{owner}/{repo}"
ROUTES = (
    Route("GET", f"{_REPO}/commits", _list, read("contents")),
    Route("GET", f"{_REPO}/commits/{{commit_sha}}/pulls", _pulls, read("pull_requests")),
    Route("GET", f"{_REPO}/commits/{{ref}}", _get, read("contents")),
    Route("GET", f"{_REPO}/compare/{{basehead}}", _compare, read("contents")),
)
