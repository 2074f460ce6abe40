"""Reviews of pull requests.

https://docs.github.com/en/rest/pulls/reviews
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from tiercel.sandbox.github.memory.activities import PullRequestRecord, Review, ReviewState
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
from tiercel.sandbox.github.rules.errors import UNPROCESSABLE, ApiError, not_found
from tiercel.sandbox.github.views.pulls import review as view
from tiercel.sandbox.github.views.pulls import reviewed

_Event = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]
_STATES: dict[_Event, ReviewState] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}
_OWN = {"APPROVE": "approve", "REQUEST_CHANGES": "request changes on"}


class ReviewWish(Body):
    """The body of the operation that reviews; without `event` the review is pending."""

    resource: ClassVar[str] = "PullRequestReview"
    sentences: ClassVar[bool] = True

    commit_id: str = ""
    body: str = ""
    event: _Event = "COMMENT"
    comments: list[object] = Field(default_factory=list)


class ReviewSubmission(Body):
    """The body of the operation that submits a pending review."""

    resource: ClassVar[str] = "PullRequestReview"
    sentences: ClassVar[bool] = True

    body: str = ""
    event: _Event


class ReviewEdit(Body):
    """The body of the operation that changes a review's text."""

    resource: ClassVar[str] = "PullRequestReview"
    sentences: ClassVar[bool] = True

    body: str


class Dismissal(Body):
    """The body of the operation that dismisses a review."""

    resource: ClassVar[str] = "PullRequestReview"
    sentences: ClassVar[bool] = True

    message: str
    event: Literal["DISMISS"] = "DISMISS"


def _refused(message: str) -> ApiError:
    return ApiError(UNPROCESSABLE, errors=[message])


def _review_of(call: ApiCall, pull: PullRequestRecord) -> Review:
    review = call.record(Review, "review_id")
    hidden = review.state == "PENDING" and review.user != call.user.id
    if review.number != pull.number or hidden:
        raise not_found()
    return review


def _list(call: ApiCall) -> Answer:
    pull = pull_of(call)
    reviews = call.world.store.find(Review, call.repository.id, pull.key)
    me = call.actor.user.id if call.actor.user else None
    seen = [review for review in reviews if review.state != "PENDING" or review.user == me]
    return call.page(seen, lambda review: view(call.world, call.repository, review))


def _get(call: ApiCall) -> Answer:
    return Answer(200, view(call.world, call.repository, _review_of(call, pull_of(call))))


def _create(call: ApiCall) -> Answer:
    pull, wish = pull_of(call), call.parse(ReviewWish)
    longer_than("PullRequestReview", "body", wish.body, TEXT_LIMIT)
    if wish.comments:
        raise _refused("Comments on lines are not modelled by the stand-in")
    commit = wish.commit_id or pull.head_sha
    if call.git.kind(commit) != "commit" or not call.git.is_ancestor(commit, pull.head_sha):
        raise _refused("The commit is not part of the pull request")
    _allowed(call, pull, wish.event, wish.body, pending=not wish.has("event"))
    review = Review(
        id=call.world.store.next_id(),
        repository=call.repository.id,
        number=pull.number,
        user=call.user.id,
        body=wish.body,
        state=_STATES[wish.event] if wish.has("event") else "PENDING",
        commit=commit,
        submitted_at=call.world.now() if wish.has("event") else None,
    )
    return _keep(call, pull, review)


def _submit(call: ApiCall) -> Answer:
    pull = pull_of(call)
    review, wish = _review_of(call, pull), call.parse(ReviewSubmission)
    if review.state != "PENDING":
        raise _refused("Can not submit a review that is not pending")
    text = wish.body or review.body
    longer_than("PullRequestReview", "body", text, TEXT_LIMIT)
    _allowed(call, pull, wish.event, text, pending=False)
    update = {"state": _STATES[wish.event], "body": text, "submitted_at": call.world.now()}
    return _keep(call, pull, review.model_copy(update=update))


def _allowed(
    call: ApiCall, pull: PullRequestRecord, event: _Event, text: str, *, pending: bool
) -> None:
    if pending:
        return
    if pull.user == call.user.id and event in _OWN:
        raise _refused(f"Can not {_OWN[event]} your own pull request")
    if event != "APPROVE" and not text.strip():
        raise _refused("Body can't be blank")
    # One that was merged can be approved all the same: https://github.com/cli/cli/issues/5038
    if pull.state != "open" and pull.merged_at is None and event != "COMMENT":
        raise _refused("Can only approve open pull requests")


def _keep(call: ApiCall, pull: PullRequestRecord, review: Review) -> Answer:
    call.world.store.put(review)
    if review.submitted_at:
        teller(call).review("submitted", pull, review)
    return Answer(200, view(call.world, call.repository, review))


def _edit(call: ApiCall) -> Answer:
    """Change a review's text, as its author or as whoever may write in the repository."""
    pull, wish = pull_of(call), call.parse(ReviewEdit)
    review = _review_of(call, pull)
    longer_than("PullRequestReview", "body", wish.body, TEXT_LIMIT)
    update = {"body": wish.body, "edited_at": call.world.now()}
    call.world.store.put(review.model_copy(update=update))
    return _get(call)


def _timeline(call: ApiCall) -> Answer:
    """List what happened in a pull request: of all that GitHub tells here, its reviews alone."""
    pull = pull_of(call, "issue_number")
    reviews = call.world.store.find(Review, call.repository.id, pull.key)
    seen = [review for review in reviews if review.state != "PENDING"]
    return call.page(seen, lambda review: reviewed(call.world, call.repository, review))


def _dismiss(call: ApiCall) -> Answer:
    pull = pull_of(call)
    review, wish = _review_of(call, pull), call.parse(Dismissal)
    if not wish.message.strip() or review.state not in {"APPROVED", "CHANGES_REQUESTED"}:
        raise _refused("Can not dismiss a review without a message, or one that decides nothing")
    review = call.world.store.put(review.model_copy(update={"state": "DISMISSED"}))
    teller(call).review("dismissed", pull, review)
    return Answer(200, view(call.world, call.repository, review))


_REVIEWS = "/repos/{owner}/{repo}/pulls/{pull_number}/reviews"
_REVIEW = f"{_REVIEWS}/{{review_id}}"
_TIMELINE = "/repos/{owner}/{repo}/issues/{issue_number}/timeline"
ROUTES = (
    Route("GET", _REVIEWS, _list, read("pull_requests")),
    Route("POST", _REVIEWS, _create, write("pull_requests")),
    Route("GET", _REVIEW, _get, read("pull_requests")),
    Route("PUT", _REVIEW, _edit, write("pull_requests")),
    Route("GET", _TIMELINE, _timeline, read("pull_requests")),
    Route("POST", f"{_REVIEW}/events", _submit, write("pull_requests")),
    Route("PUT", f"{_REVIEW}/dismissals", _dismiss, write("pull_requests")),
)
