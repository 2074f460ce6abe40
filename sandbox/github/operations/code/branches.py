"""Branches, their protection and tags.

https://docs.github.com/en/rest/branches
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tiercel.sandbox.github.git.commits_and_trees import read_commit, write_commit
from tiercel.sandbox.github.git.merges import merged_tree
from tiercel.sandbox.github.memory.protection import classic_protection
from tiercel.sandbox.github.memory.records import Protection, RequiredChecks, RequiredReviews
from tiercel.sandbox.github.memory.world import JsonObject, node_id
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.operations.reference_changes import move_branch
from tiercel.sandbox.github.rules.errors import (
    BRANCH_NOT_FOUND,
    BRANCH_NOT_PROTECTED,
    MERGE_CONFLICT,
    NOT_FOUND,
    UNPROCESSABLE,
    ApiError,
)
from tiercel.sandbox.github.rules.synchronize import user_signature, web_signature
from tiercel.sandbox.github.views.branches import branch_view, full_protection, short_branch
from tiercel.sandbox.github.views.commits import commit_view


class _People(Body):
    users: list[str] = Field(default_factory=list)
    teams: list[str] = Field(default_factory=list)
    apps: list[str] = Field(default_factory=list)


class _Restrictions(Body):
    users: list[str]
    teams: list[str]
    apps: list[str] = Field(default_factory=list)


class _Check(Body):
    context: str
    app_id: int = 0


class _Checks(Body):
    strict: bool
    contexts: list[str] = Field(default_factory=list)
    checks: list[_Check] = Field(default_factory=list)


class _Reviews(Body):
    dismissal_restrictions: _People = _People()
    dismiss_stale_reviews: bool = False
    require_code_owner_reviews: bool = False
    required_approving_review_count: int = Field(default=1, ge=0, le=6)
    require_last_push_approval: bool = False
    bypass_pull_request_allowances: _People = _People()


class ProtectionWish(Body):
    """The body of the operation that protects a branch; the first four must be there.

    GitHub takes null for every other rule too, and `checks` without `contexts`; PyGithub sends
    both.
    """

    resource: ClassVar[str] = "ProtectedBranch"
    sentences: ClassVar[bool] = True

    required_status_checks: _Checks | None
    enforce_admins: bool | None
    required_pull_request_reviews: _Reviews | None
    restrictions: _Restrictions | None
    required_linear_history: bool | None = None
    allow_force_pushes: bool | None = None
    allow_deletions: bool | None = None
    block_creations: bool | None = None
    required_conversation_resolution: bool | None = None
    lock_branch: bool | None = None
    allow_fork_syncing: bool | None = None


class BranchMergeBody(Body):
    """The body of the operation that merges a branch into another."""

    resource: ClassVar[str] = "Merge"

    base: str
    head: str
    commit_message: str = ""


def _tip(call: ApiCall) -> tuple[str, str]:
    """Return the branch in the path and its commit; 404 when there is none."""
    name = call.parameters["branch"]
    sha = call.git.reference(f"refs/heads/{name}")
    if sha is None:
        raise ApiError(BRANCH_NOT_FOUND)
    return name, sha


def _list(call: ApiCall) -> Answer:
    branches = call.git.references("refs/heads")
    names = [(ref.removeprefix("refs/heads/"), sha) for ref, sha in branches.items()]
    if call.query.get("protected") in {"true", "false"}:
        wanted = call.query["protected"] == "true"
        found = {p.branch for p in call.world.store.find(Protection, call.repository.id)}
        names = [(name, sha) for name, sha in names if (name in found) == wanted]
    return call.page(
        names, lambda found: short_branch(call.world, call.repository, found[0], found[1])
    )


def _get(call: ApiCall) -> Answer:
    name, sha = _tip(call)
    return Answer(200, branch_view(call.world, call.repository, name, sha))


def _get_protection(call: ApiCall) -> Answer:
    name, _ = _tip(call)
    protection = classic_protection(call.world, call.repository, name)
    if protection is None:
        raise ApiError(BRANCH_NOT_PROTECTED)
    return Answer(200, full_protection(call.world, call.repository, protection))


def _put_protection(call: ApiCall) -> Answer:
    name, _ = _tip(call)
    wish = call.parse(ProtectionWish)
    known = classic_protection(call.world, call.repository, name)
    protection = Protection(
        id=known.id if known else call.world.store.next_id(),
        repository=call.repository.id,
        branch=name,
        checks=_checks(wish.required_status_checks),
        reviews=_reviews(call, wish.required_pull_request_reviews),
        restrictions=_users(call, wish.restrictions) if wish.restrictions else None,
        enforce_admins=bool(wish.enforce_admins),
        linear_history=bool(wish.required_linear_history),
        force_pushes=bool(wish.allow_force_pushes),
        deletions=bool(wish.allow_deletions),
        block_creations=bool(wish.block_creations),
        conversation_resolution=bool(wish.required_conversation_resolution),
        lock=bool(wish.lock_branch),
        fork_syncing=bool(wish.allow_fork_syncing),
    )
    call.world.store.put(protection)
    return Answer(200, full_protection(call.world, call.repository, protection))


def _delete_protection(call: ApiCall) -> Answer:
    name, _ = _tip(call)
    protection = classic_protection(call.world, call.repository, name)
    if protection is None:
        raise ApiError(BRANCH_NOT_PROTECTED)
    call.world.store.delete(protection)
    return Answer(204)


def _checks(wish: _Checks | None) -> RequiredChecks | None:
    if wish is None:
        return None
    if not wish.has("contexts") and not wish.has("checks"):
        raise ApiError(UNPROCESSABLE, errors=["required_status_checks.contexts: Field required"])
    contexts = [*wish.contexts, *(check.context for check in wish.checks)]
    return RequiredChecks(strict=wish.strict, contexts=list(dict.fromkeys(contexts)))


def _reviews(call: ApiCall, wish: _Reviews | None) -> RequiredReviews | None:
    if wish is None:
        return None
    return RequiredReviews(
        count=wish.required_approving_review_count,
        dismiss_stale=wish.dismiss_stale_reviews,
        code_owners=wish.require_code_owner_reviews,
        last_push=wish.require_last_push_approval,
        bypass=_users(call, wish.bypass_pull_request_allowances),
    )


def _users(call: ApiCall, people: _People | _Restrictions) -> list[int]:
    """Return the users and the Apps' bots; teams are not modelled and refused."""
    app = call.world.app()
    logins = [*people.users, *(f"{slug}[bot]" for slug in people.apps if slug == app.slug)]
    found = [call.world.user_of(login) for login in logins]
    if people.teams or len(logins) < len(people.users) + len(people.apps) or None in found:
        wrong = "Only users and apps that have access to the repository can be set"
        raise ApiError(UNPROCESSABLE, message="Validation Failed", errors=[wrong])
    return [user.id for user in found if user]


def _merge(call: ApiCall) -> Answer:
    """Merge a branch without a pull request.

    https://docs.github.com/en/rest/branches/branches#merge-a-branch
    """
    wish, git = call.parse(BranchMergeBody), call.git
    base, head = git.reference(f"refs/heads/{wish.base}"), git.commit(wish.head)
    if base is None or head is None:
        missing = "Base" if base is None else "Head"
        raise ApiError(NOT_FOUND, message=f"{missing} does not exist")
    if git.is_ancestor(head, base):
        return Answer(204)
    tree = merged_tree(git, base, head)
    if tree is None:
        raise ApiError(MERGE_CONFLICT)
    message = wish.commit_message or f"Merge {wish.head} into {wish.base}"
    author = user_signature(call.world, call.user)
    sha = write_commit(git, tree, [base, head], message, author, web_signature(call.world))
    move_branch(call, wish.base, sha, base)
    return Answer(201, commit_view(call.world, call.repository, read_commit(git, sha)))


def _tags(call: ApiCall) -> Answer:
    names = [ref.removeprefix("refs/tags/") for ref in call.git.references("refs/tags")]
    return call.page(names[::-1], lambda name: _tag(call, name))


def _tag(call: ApiCall, name: str) -> JsonObject:
    sha = call.git.identify([f"refs/tags/{name}^{{}}"])[0] or ""
    full_name, urls = call.repository.full_name, call.world.urls
    return {
        "name": name,
        "commit": {"sha": sha, "url": urls.repository(full_name, "commits", sha)},
        "zipball_url": urls.repository(full_name, "zipball/refs/tags", name),
        "tarball_url": urls.repository(full_name, "tarball/refs/tags", name),
        "node_id": node_id("Ref", f"{full_name}:refs/tags/{name}"),
    }


_BRANCH = "/repos/{owner}/{repo}/branches/{branch}"
ROUTES = (
    Route("GET", "/repos/{owner}/{repo}/branches", _list, read("contents")),
    Route("GET", f"{_BRANCH}/protection", _get_protection, read("administration")),
    Route("PUT", f"{_BRANCH}/protection", _put_protection, write("administration")),
    Route("DELETE", f"{_BRANCH}/protection", _delete_protection, write("administration")),
    Route("GET", _BRANCH, _get, read("contents")),
    Route("POST", "/repos/{owner}/{repo}/merges", _merge, write("contents")),
    Route("GET", "/repos/{owner}/{repo}/tags", _tags, read("contents")),
)
