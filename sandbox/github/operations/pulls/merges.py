"""Merging a pull request: merge, squash or rebase, if its base branch allows it.

https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request
"""

from __future__ import annotations

from typing import ClassVar

from tiercel.sandbox.github.git.commands import ZERO, GitError
from tiercel.sandbox.github.git.commits_and_trees import GitSignature, read_commits, write_commit
from tiercel.sandbox.github.git.merges import merged_tree, rebased
from tiercel.sandbox.github.memory.activities import MergeMethod, PullRequestRecord
from tiercel.sandbox.github.memory.protection import protection_of
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.operations.pulls.pulls import pull_of, teller
from tiercel.sandbox.github.rules.errors import (
    BASE_MODIFIED,
    HEAD_MODIFIED,
    NOT_MERGEABLE,
    PROTECTED,
    ApiError,
    not_found,
)
from tiercel.sandbox.github.rules.protection import merge_obstacles
from tiercel.sandbox.github.rules.synchronize import (
    closed,
    synchronize,
    user_signature,
    web_signature,
)

_NOT_ALLOWED: dict[MergeMethod, str] = {
    "merge": "Merge commits are not allowed on this repository.",
    "squash": "Squash merges are not allowed on this repository.",
    "rebase": "Rebase merges are not allowed on this repository.",
}


class PullMergeBody(Body):
    """The body of the operation that merges a pull request; `sha` is the head that is meant."""

    resource: ClassVar[str] = "PullRequest"

    commit_title: str = ""
    commit_message: str = ""
    sha: str = ""
    merge_method: MergeMethod = "merge"


def _merge(call: ApiCall) -> Answer:
    pull, wish = pull_of(call), call.parse(PullMergeBody)
    base = _checked(call, pull, wish)
    sha = _made(call, pull, wish, base)
    if sha is None:
        raise ApiError(NOT_MERGEABLE)
    try:
        call.git.update(f"refs/heads/{pull.base_ref}", sha, base)
    except GitError as error:
        raise ApiError(BASE_MODIFIED) from error
    # The record says where the base was before, so that lists of commits and files stay.
    pull = call.world.store.put(pull.model_copy(update={"base_sha": base}))
    closed(call.world, call.repository, pull, teller(call), sha)
    if call.repository.delete_branch_on_merge and not protection_of(
        call.world, call.repository, pull.head_ref
    ):
        call.git.update(f"refs/heads/{pull.head_ref}", ZERO, pull.head_sha)
    synchronize(call.world, call.repository, call.user, pull.base_ref)
    body = {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}
    return Answer(200, body)


def _checked(call: ApiCall, pull: PullRequestRecord, wish: PullMergeBody) -> str:
    """Return the base branch's commit; ApiError when this merge must not be."""
    base = call.git.reference(f"refs/heads/{pull.base_ref}")
    if pull.state != "open" or base is None:
        raise ApiError(NOT_MERGEABLE)
    if wish.has("sha") and wish.sha != pull.head_sha:
        raise ApiError(HEAD_MODIFIED)
    if pull.draft:
        raise ApiError(NOT_MERGEABLE, message="Pull Request is still a draft")
    if not getattr(call.repository, f"allow_{_SETTINGS[wish.merge_method]}"):
        raise ApiError(NOT_MERGEABLE, message=_NOT_ALLOWED[wish.merge_method])
    if merged_tree(call.git, base, pull.head_sha) is None:
        raise ApiError(NOT_MERGEABLE)
    protection = protection_of(call.world, call.repository, pull.base_ref)
    if protection and protection.linear_history and wish.merge_method == "merge":
        raise ApiError(PROTECTED, message="Merge commits are not allowed on this branch.")
    obstacles = merge_obstacles(call.world, call.repository, pull, call.user)
    if obstacles:
        raise ApiError(PROTECTED, message=" ".join(obstacles))
    return base


_SETTINGS: dict[MergeMethod, str] = {
    "merge": "merge_commit",
    "squash": "squash_merge",
    "rebase": "rebase_merge",
}


def _made(call: ApiCall, pull: PullRequestRecord, wish: PullMergeBody, base: str) -> str | None:
    """Write what the base branch becomes and return its commit; None when it does not apply."""
    merger = user_signature(call.world, call.user)
    if wish.merge_method == "rebase":
        return rebased(call.git, base, pull.head_sha, merger)
    tree = merged_tree(call.git, base, pull.head_sha)
    if tree is None:
        return None
    web = web_signature(call.world)
    if wish.merge_method == "squash":
        title, text = _squash_words(call, pull)
        author = _author(call, pull)
        message = _message(wish, f"{title} (#{pull.number})", text)
        return write_commit(call.git, tree, [base], message, author, web)
    owner = call.repository.owner_login
    title = f"Merge pull request #{pull.number} from {owner}/{pull.head_ref}"
    message = _message(wish, title, pull.title)
    return write_commit(call.git, tree, [base, pull.head_sha], message, merger, web)


def _message(wish: PullMergeBody, title: str, text: str) -> str:
    title = wish.commit_title or title
    text = wish.commit_message if wish.has("commit_message") else text
    return f"{title}\n\n{text}" if text else title


def _squash_words(call: ApiCall, pull: PullRequestRecord) -> tuple[str, str]:
    """Return a single commit's own title and text, else the pull request's and all titles."""
    span = (f"^{pull.base_sha}", pull.head_sha)
    shas = call.git.history("--reverse", "--no-merges", *span, "--")
    messages = [commit.message for commit in read_commits(call.git, shas)]
    if len(messages) == 1:
        title, _, text = messages[0].partition("\n")
        return title, text.strip("\n")
    return pull.title, "\n\n".join(f"* {message}" for message in messages)


def _author(call: ApiCall, pull: PullRequestRecord) -> GitSignature:
    return user_signature(call.world, call.world.user(pull.user))


def _is_merged(call: ApiCall) -> Answer:
    if pull_of(call).merged_at is None:
        raise not_found()
    return Answer(204)


_MERGE = "/repos/{owner}/{repo}/pulls/{pull_number}/merge"
ROUTES = (
    Route("GET", _MERGE, _is_merged, read("contents")),
    Route("PUT", _MERGE, _merge, write("contents")),
)
