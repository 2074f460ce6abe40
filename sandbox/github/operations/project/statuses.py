"""Commit statuses.

https://docs.github.com/en/rest/commits/statuses
"""

from __future__ import annotations

from typing import ClassVar, Literal

from tiercel.sandbox.github.memory.activities import StatusRecord
from tiercel.sandbox.github.memory.world import JsonObject
from tiercel.sandbox.github.operations.calls import (
    Answer,
    ApiCall,
    Body,
    Route,
    longer_than,
    read,
    write,
)
from tiercel.sandbox.github.rules.errors import UNPROCESSABLE, ApiError, invalid, refused_because
from tiercel.sandbox.github.rules.events import Teller
from tiercel.sandbox.github.rules.protection import latest_statuses
from tiercel.sandbox.github.views.branches import short_branch
from tiercel.sandbox.github.views.deployments import combined_status, status_view

_MOST_PER_CONTEXT = 1000
_DESCRIPTION_LIMIT = 140
_CONTEXT_LIMIT = 255
_MOST_BRANCHES = 10


class StatusWish(Body):
    """The body of the operation that sets a status."""

    resource: ClassVar[str] = "Status"

    state: Literal["error", "failure", "pending", "success"]
    target_url: str | None = None
    description: str | None = None
    context: str = "default"


def _create(call: ApiCall) -> Answer:
    sha, wish = call.parameters["sha"], call.parse(StatusWish)
    if call.git.kind(sha) != "commit":
        raise ApiError(UNPROCESSABLE, message=f"No commit found for SHA: {sha}")
    longer_than("Status", "description", wish.description, _DESCRIPTION_LIMIT)
    longer_than("Status", "context", wish.context, _CONTEXT_LIMIT)
    if wish.target_url and not wish.target_url.startswith(("http://", "https://")):
        raise invalid("Status", "target_url", "custom", "target_url must use http(s) scheme")
    if not wish.context.strip():
        raise invalid("Status", "context", "missing_field")
    if _is_full(call, sha, wish.context):
        message = "This SHA and context has reached the maximum number of statuses."
        raise refused_because("Status", message)
    record = call.world.store.put(
        StatusRecord(
            id=call.world.store.next_id(),
            repository=call.repository.id,
            sha=sha,
            state=wish.state,
            context=wish.context,
            description=wish.description,
            target_url=wish.target_url,
            creator=call.user.id,
            created_at=call.world.now(),
        )
    )
    Teller(call.world, call.repository, call.user).status(record, lambda: _branches(call, sha))
    view = status_view(call.world, call.repository, record)
    return Answer(201, view, {"Location": view["url"]})


def _is_full(call: ApiCall, sha: str, context: str) -> bool:
    where = (call.repository.id, sha)
    if call.world.store.count(StatusRecord, *where) < _MOST_PER_CONTEXT:
        return False
    same = [s for s in call.world.store.find(StatusRecord, *where) if s.context == context]
    return len(same) >= _MOST_PER_CONTEXT


def _branches(call: ApiCall, sha: str) -> list[JsonObject]:
    contains = ("branch", "--format=%(objectname) %(refname:short)", "--contains", sha)
    lines = call.git.run(*contains).decode(errors="replace").splitlines()[:_MOST_BRANCHES]
    found = [line.partition(" ") for line in lines]
    branches = [short_branch(call.world, call.repository, name, sha) for sha, _, name in found]
    same = ("name", "commit", "protected")
    return [{key: branch[key] for key in same} for branch in branches]


def _list(call: ApiCall) -> Answer:
    """List a commit's statuses, newest first."""
    sha = call.commit(call.parameters["ref"])
    found = call.world.store.find(StatusRecord, call.repository.id, sha)[::-1]
    return call.page(found, lambda record: status_view(call.world, call.repository, record))


def _combined(call: ApiCall) -> Answer:
    sha = call.commit(call.parameters["ref"])
    latest = latest_statuses(call.world, call.repository, sha)
    view = combined_status(call.world, call.repository, sha, latest)
    chosen, headers = call.cut(view["statuses"])
    return Answer(200, view | {"statuses": chosen}, headers)


_REPO = "/repos/{owner}/{repo}"
ROUTES = (
    Route("POST", f"{_REPO}/statuses/{{sha}}", _create, write("statuses")),
    # The old address of the same list, which PyGithub uses.
    Route("GET", f"{_REPO}/statuses/{{ref}}", _list, read("statuses")),
    Route("GET", f"{_REPO}/commits/{{ref}}/statuses", _list, read("statuses")),
    Route("GET", f"{_REPO}/commits/{{ref}}/status", _combined, read("statuses")),
)
