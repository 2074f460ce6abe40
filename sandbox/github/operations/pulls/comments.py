"""Comments on pull requests, under the addresses of issues.

https://docs.github.com/en/rest/issues/comments
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from tiercel.sandbox.github.memory.activities import Comment, PullRequestRecord
from tiercel.sandbox.github.operations.calls import (
    Answer,
    ApiCall,
    Body,
    Route,
    longer_than,
    read,
    write,
)
from tiercel.sandbox.github.operations.pulls.pulls import TEXT_LIMIT, pull_of, teller
from tiercel.sandbox.github.rules.errors import NOT_FOR_TOKEN, ApiError, invalid, not_found
from tiercel.sandbox.github.views.pulls import comment_view as view

_PERMISSIONS = ("issues", "pull_requests")


class CommentWish(Body):
    """The body of the operations that write a comment."""

    resource: ClassVar[str] = "IssueComment"

    body: str


def _text(call: ApiCall) -> str:
    wish = call.parse(CommentWish)
    if not wish.body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    longer_than("IssueComment", "body", wish.body, TEXT_LIMIT)
    return wish.body


def _list(call: ApiCall) -> Answer:
    pull = pull_of(call, "issue_number")
    found = call.world.store.find(Comment, call.repository.id, pull.key)
    return call.page(_since(call, found), lambda c: view(call.world, call.repository, c))


def _list_all(call: ApiCall) -> Answer:
    found = _since(call, call.world.store.find(Comment, call.repository.id))
    if call.query.get("direction") == "desc" and call.query.get("sort"):
        found = found[::-1]
    return call.page(found, lambda c: view(call.world, call.repository, c))


def _since(call: ApiCall, comments: list[Comment]) -> list[Comment]:
    try:
        moment = datetime.fromisoformat(call.query.get("since", ""))
    except ValueError:
        return comments
    if moment.tzinfo is None:
        return comments
    return [comment for comment in comments if comment.updated_at >= moment]


def _create(call: ApiCall) -> Answer:
    pull, text = pull_of(call, "issue_number"), _text(call)
    now = call.world.now()
    record = Comment(
        id=call.world.store.next_id(),
        repository=call.repository.id,
        number=pull.number,
        user=call.user.id,
        body=text,
        via_app=call.actor.is_installation,
        created_at=now,
        updated_at=now,
    )
    call.world.store.put(record)
    teller(call).comment("created", pull, record)
    shown = view(call.world, call.repository, record)
    return Answer(201, shown, {"Location": shown["url"]})


def _get(call: ApiCall) -> Answer:
    return Answer(200, view(call.world, call.repository, call.record(Comment, "comment_id")))


def _own(call: ApiCall) -> tuple[Comment, PullRequestRecord]:
    """Return the comment in the path, which only its author and an administrator may change."""
    comment = call.record(Comment, "comment_id")
    if call.user.id != comment.user and call.user.role != "admin":
        raise ApiError(NOT_FOR_TOKEN)
    pull = call.world.store.one(PullRequestRecord, call.repository.id, comment.key)
    if pull is None:
        raise not_found()
    return comment, pull


def _update(call: ApiCall) -> Answer:
    comment, pull = _own(call)
    before = comment.body
    update = {"body": _text(call), "updated_at": call.world.now()}
    comment = call.world.store.put(comment.model_copy(update=update))
    teller(call).comment("edited", pull, comment, changes={"body": {"from": before}})
    return Answer(200, view(call.world, call.repository, comment))


def _delete(call: ApiCall) -> Answer:
    comment, pull = _own(call)
    call.world.store.delete(comment)
    teller(call).comment("deleted", pull, comment)
    return Answer(204)


_REPO = "/repos/{owner}/{repo}"
_ISSUE = f"{_REPO}/issues/{{issue_number}}"
_COMMENT = f"{_REPO}/issues/comments/{{comment_id}}"
ROUTES = (
    Route("GET", f"{_ISSUE}/comments", _list, read(*_PERMISSIONS)),
    Route("POST", f"{_ISSUE}/comments", _create, write(*_PERMISSIONS)),
    Route("GET", f"{_REPO}/issues/comments", _list_all, read(*_PERMISSIONS)),
    Route("GET", _COMMENT, _get, read(*_PERMISSIONS)),
    Route("PATCH", _COMMENT, _update, write(*_PERMISSIONS)),
    Route("DELETE", _COMMENT, _delete, write(*_PERMISSIONS)),
)
