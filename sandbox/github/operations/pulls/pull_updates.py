"""Pull requests: changed, closed, opened again and brought up to date.

https://docs.github.com/en/rest/pulls/pulls
"""

from __future__ import annotations

from typing import ClassVar, Literal

from tiercel.sandbox.github.git.commits_and_trees import write_commit
from tiercel.sandbox.github.git.merges import merged_tree
from tiercel.sandbox.github.memory.activities import PullRequestRecord
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, longer_than, write
from tiercel.sandbox.github.operations.pulls.pulls import (
    TEXT_LIMIT,
    TITLE_LIMIT,
    check_openable,
    full_view,
    pull_of,
    teller,
)
from tiercel.sandbox.github.operations.reference_changes import move_branch
from tiercel.sandbox.github.rules.errors import UNPROCESSABLE, ApiError, invalid
from tiercel.sandbox.github.rules.synchronize import (
    closed,
    refreshed,
    user_signature,
    web_signature,
)


class PullChange(Body):
    """The body of the operation that changes a pull request."""

    resource: ClassVar[str] = "PullRequest"

    title: str = ""
    body: str | None = None
    state: Literal["open", "closed"] = "open"
    base: str = ""
    maintainer_can_modify: bool = False


class HeadExpectation(Body):
    """The body of the operation that merges the base into a pull request's branch."""

    resource: ClassVar[str] = "PullRequest"

    expected_head_sha: str = ""


def _update(call: ApiCall) -> Answer:
    pull, wish = pull_of(call), call.parse(PullChange)
    if wish.has("title") and not wish.title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    longer_than("PullRequest", "title", wish.title, TITLE_LIMIT)
    longer_than("PullRequest", "body", wish.body, TEXT_LIMIT)
    before = pull
    names = wish.model_fields_set & {"title", "body", "maintainer_can_modify"}
    update = {name: getattr(wish, name) for name in names} | {"updated_at": call.world.now()}
    pull = call.world.store.put(pull.model_copy(update=update))
    if wish.has("base") and wish.base != pull.base_ref:
        pull = _rebase_onto(call, pull, wish.base)
    _tell_edit(call, before, pull)
    if wish.has("state") and wish.state != pull.state:
        pull = _switch(call, pull)
    return Answer(200, full_view(call, pull))


def _rebase_onto(call: ApiCall, pull: PullRequestRecord, base_ref: str) -> PullRequestRecord:
    base = call.git.reference(f"refs/heads/{base_ref}")
    if base is None or pull.state != "open":
        raise invalid("PullRequest", "base")
    check_openable(call, pull.head_ref, base_ref, pull.head_sha, base)
    update = {"base_ref": base_ref, "base_sha": base}
    return refreshed(call.world, call.repository, pull.model_copy(update=update))


def _tell_edit(call: ApiCall, before: PullRequestRecord, after: PullRequestRecord) -> None:
    edited: JsonObject = {
        name: {"from": getattr(before, name) or ""}
        for name in ("title", "body")
        if getattr(before, name) != getattr(after, name)
    }
    if before.base_ref != after.base_ref:
        ends = {"ref": {"from": before.base_ref}, "sha": {"from": before.base_sha}}
        edited["base"] = ends
    if edited:
        teller(call).pull_request("edited", after, changes=edited)


def _switch(call: ApiCall, pull: PullRequestRecord) -> PullRequestRecord:
    """Close an open pull request, or open a closed one again."""
    if pull.state == "open":
        return closed(call.world, call.repository, pull, teller(call))
    git = call.git
    head, base = (git.reference(f"refs/heads/{n}") for n in (pull.head_ref, pull.base_ref))
    if pull.merged_at or head is None or base is None:
        raise invalid("PullRequest", "state", "invalid", "state cannot be changed.")
    check_openable(call, pull.head_ref, pull.base_ref, head, base)
    update = {"state": "open", "closed_at": None, "head_sha": head, "base_sha": base}
    pull = refreshed(call.world, call.repository, pull.model_copy(update=update))
    teller(call).pull_request("reopened", pull)
    return pull


def _update_branch(call: ApiCall) -> Answer:
    """Merge the base into the head branch.

    https://docs.github.com/en/rest/pulls/pulls#update-a-pull-request-branch
    """
    pull, wish = pull_of(call), call.parse(HeadExpectation)
    expected = wish.expected_head_sha or pull.head_sha
    if expected != pull.head_sha:
        message = "expected head sha didn't match current head ref."
        raise ApiError(UNPROCESSABLE, message=message)
    base = call.git.reference(f"refs/heads/{pull.base_ref}")
    if pull.state != "open" or base is None or call.git.is_ancestor(base, pull.head_sha):
        message = "There are no new commits on the base branch."
        raise ApiError(UNPROCESSABLE, message=message)
    tree = merged_tree(call.git, pull.head_sha, base)
    if tree is None:
        raise ApiError(UNPROCESSABLE, message="merge conflict between base and head")
    message = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    author, web = user_signature(call.world, call.user), web_signature(call.world)
    sha = write_commit(call.git, tree, [pull.head_sha, base], message, author, web)
    move_branch(call, pull.head_ref, sha, pull.head_sha)
    url = call.world.urls.repository(call.repository.full_name, "pulls", pull.number)
    return Answer(202, {"message": "Updating pull request branch.", "url": url})


_PULL = "/repos/{owner}/{repo}/pulls/{pull_number}"
ROUTES = (
    Route("PATCH", _PULL, _update, write("pull_requests")),
    Route("PUT", f"{_PULL}/update-branch", _update_branch, write("pull_requests")),
)
