"""Commits and trees of the git database.

https://docs.github.com/en/rest/git
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar, Literal

from pydantic import Field

from tiercel.sandbox.github.git.commands import EMPTY_TREE, GitError, is_complete_sha
from tiercel.sandbox.github.git.commits_and_trees import (
    GitSignature,
    change_tree,
    list_tree,
    read_commit,
    write_commit,
)
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.rules.errors import (
    UNPROCESSABLE,
    ApiError,
    invalid,
    not_found,
    refused_because,
)
from tiercel.sandbox.github.rules.synchronize import user_signature
from tiercel.sandbox.github.views.commits import git_commit

_MOST_ENTRIES = 100_000


class Person(Body):
    """Who did it; the date is ISO 8601."""

    name: str
    email: str
    date: str = ""


class Someone(Body):
    """Who did it, as far as the client says."""

    name: str = ""
    email: str = ""
    date: str = ""


class CommitWish(Body):
    """The body of the operation that creates a commit."""

    resource: ClassVar[str] = "Commit"

    message: str
    tree: str
    parents: list[str] = Field(default_factory=list)
    author: Person | None = None
    committer: Someone | None = None


class TreeEntryBody(Body):
    """A changed entry of a tree; `sha` null removes it."""

    path: str
    mode: Literal["100644", "100755", "040000", "160000", "120000"]
    type: Literal["blob", "tree", "commit"] = "blob"
    sha: str | None = None
    content: str = ""


class TreeWish(Body):
    """The body of the operation that creates a tree."""

    resource: ClassVar[str] = "Tree"

    tree: list[TreeEntryBody] = Field(max_length=_MOST_ENTRIES)
    base_tree: str = ""


def signed(call: ApiCall, resource: str, person: Person | Someone | None) -> GitSignature:
    """Return a signature from what the client says, completed by who calls and by now."""
    default = user_signature(call.world, call.user)
    if person is None:
        return default
    date = default.date
    if person.date:
        try:
            date = datetime.fromisoformat(person.date)
        except ValueError as error:
            raise invalid(resource, "date") from error
        date = date.replace(tzinfo=date.tzinfo or UTC)
        if date.timestamp() < 0:
            raise invalid(resource, "date")
    return GitSignature(person.name or default.name, person.email or default.email, date)


def object_of(call: ApiCall, kind: str) -> str:
    """Return the object in the path; 404 when there is none of this kind."""
    sha = call.parameters[f"{kind}_sha"]
    if call.git.kind(sha) != kind:
        raise not_found()
    return sha


def _get_commit(call: ApiCall) -> Answer:
    commit = read_commit(call.git, object_of(call, "commit"))
    return Answer(200, git_commit(call.world, call.repository, commit))


def _create_commit(call: ApiCall) -> Answer:
    wish, git = call.parse(CommitWish), call.git
    if git.kind(wish.tree) != "tree":
        raise ApiError(UNPROCESSABLE, message="Tree SHA does not exist")
    if any(git.kind(parent) != "commit" for parent in wish.parents):
        raise ApiError(UNPROCESSABLE, message="Parent SHA does not exist or is not a commit object")
    author = signed(call, "Commit", wish.author)
    committer = signed(call, "Commit", wish.committer or wish.author)
    try:
        sha = write_commit(git, wish.tree, wish.parents, wish.message, author, committer)
    except GitError as error:
        raise refused_because("Commit", str(error)) from error
    return Answer(201, git_commit(call.world, call.repository, read_commit(git, sha)))


def _get_tree(call: ApiCall) -> Answer:
    name = call.parameters["tree_sha"]
    sha = name if call.git.kind(name) == "tree" else None
    commit = None if sha else call.git.commit(name)
    if commit:
        sha = read_commit(call.git, commit).tree
    if sha is None:
        raise not_found()
    return Answer(200, _tree(call, sha, recursive="recursive" in call.query))


def _tree(call: ApiCall, sha: str, *, recursive: bool) -> JsonObject:
    full_name, urls = call.repository.full_name, call.world.urls
    entries = []
    for entry in list_tree(call.git, sha, recursive=recursive):
        view: JsonObject = {
            "path": entry.path,
            "mode": entry.mode,
            "type": entry.type,
            "sha": entry.sha,
        }
        if entry.size is not None:
            view["size"] = entry.size
        if entry.type != "commit":
            view["url"] = urls.repository(full_name, f"git/{entry.type}s", entry.sha)
        entries.append(view)
    return {
        "sha": sha,
        "url": urls.repository(full_name, "git/trees", sha),
        "tree": entries[:_MOST_ENTRIES],
        "truncated": len(entries) > _MOST_ENTRIES,
    }


def _create_tree(call: ApiCall) -> Answer:
    wish, git = call.parse(TreeWish), call.git
    base = wish.base_tree or EMPTY_TREE
    if git.kind(base) == "commit":
        base = read_commit(git, base).tree
    if base != EMPTY_TREE and git.kind(base) != "tree":
        raise ApiError(UNPROCESSABLE, message="base_tree is not a valid tree oid")
    changes = [(entry.mode, entry.path, _entry_object(call, entry)) for entry in wish.tree]
    if any(not path.strip("/") or "\0" in path for _, path, _ in changes):
        raise ApiError(UNPROCESSABLE, message="tree.path contains a malformed path component")
    try:
        sha = change_tree(git, base, changes)
    except GitError as error:
        text = "tree.path contains a malformed path component"
        raise ApiError(UNPROCESSABLE, message=text) from error
    return Answer(201, _tree(call, sha, recursive=False))


def _entry_object(call: ApiCall, entry: TreeEntryBody) -> str | None:
    if entry.has("content"):
        return call.git.write("blob", entry.content.encode())
    if entry.sha is None:
        if entry.has("sha"):
            return None
        raise ApiError(UNPROCESSABLE, message="Must supply either tree.sha or tree.content")
    known = is_complete_sha(entry.sha) and (entry.mode == "160000" or call.git.kind(entry.sha))
    if not known:
        raise ApiError(UNPROCESSABLE, message=f"tree.sha {entry.sha} is not a valid object")
    return entry.sha


_GIT = "/repos/{owner}/{repo}/git"
ROUTES = (
    Route("GET", f"{_GIT}/commits/{{commit_sha}}", _get_commit, read("contents")),
    Route("POST", f"{_GIT}/commits", _create_commit, write("contents")),
    Route("GET", f"{_GIT}/trees/{{tree_sha}}", _get_tree, read("contents")),
    Route("POST", f"{_GIT}/trees", _create_tree, write("contents")),
)
