"""A word that GitHub vouches for: an approving review of the release pull request.

Its text carries the digest of the plan that Prod's ledger says was shown there, on the same head.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from tiercel.domain.approvals.plans import PostedPlan, WaitingPromotion
from tiercel.domain.approvals.words import LONGEST_WORD_REASON, Voucher, Word
from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.approvers import Approver

LONGEST_REVIEW = 65_536
"""Characters that GitHub takes as a review's text."""
_APPROVES, _DECLINES = "APPROVED", "CHANGES_REQUESTED"
_DECISIVE = frozenset({_APPROVES, _DECLINES, "DISMISSED"})
_PERSON = "User"
_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{64}(?![0-9A-Za-z])")
_COMMENT = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)
_QUOTE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)


class GivenReview(Frozen):
    """A review as GitHub has it now; `updated_at` is None where GitHub does not say.

    Whoever may write in the repository may change the text of anybody's review.
    """

    number: int
    user: int | None
    user_type: str
    state: str
    body: str
    commit: str
    submitted_at: datetime
    updated_at: datetime | None


class GitHubWords(Frozen):
    """The words that reviews give, and why those of approvers give none."""

    words: tuple[Word, ...] = ()
    objections: tuple[str, ...] = ()


def github_words(
    reviews: Iterable[GivenReview],
    posted: PostedPlan | None,
    waiting: WaitingPromotion,
    approvers: Iterable[Approver],
) -> GitHubWords:
    """Return what approvers say in reviews of the release pull request; of each the last one.

    A review that asks for changes, with the digest in its text, declines the plan.
    """
    if posted is None or not _was_posted(posted, waiting):
        return GitHubWords()
    known = {one.github: one for one in approvers}
    words: list[Word] = []
    objections: list[str] = []
    for review in _newest(reviews):
        approver = known.get(review.user or 0)
        if approver is None or review.state not in (_APPROVES, _DECLINES):
            continue
        why = objection(review, posted)
        if why:
            objections.append(f"review {review.number} of {approver.name}: {why}")
        else:
            words.append(_word(review, approver, posted))
    return GitHubWords(words=tuple(words), objections=tuple(objections))


def objection(review: GivenReview, posted: PostedPlan) -> str:
    """Return why a review is no word on the plan that was posted, nothing if it is one."""
    if review.user_type != _PERSON:
        return "it is no person's account"
    if review.commit != posted.head_commit:
        return f"it is of {review.commit[:12]}, and the plan of {posted.head_commit[:12]}"
    if review.updated_at != review.submitted_at:
        return "its text may have been changed since; review it once more"
    if set(_own_digests(review.body)) != {posted.plan_digest}:
        return "it is no word on this plan: its text does not have the plan's digest alone"
    return ""


def _was_posted(posted: PostedPlan, waiting: WaitingPromotion) -> bool:
    """Tell whether the plan that waits is the one that was shown on this pull request's head."""
    shown = (posted.plan_digest, posted.repository, posted.pull_request, posted.head_commit)
    return shown == (
        waiting.plan_digest,
        waiting.repository,
        waiting.pull_request,
        waiting.head_commit,
    )


def _newest(reviews: Iterable[GivenReview]) -> Iterator[GivenReview]:
    """Find the last review of each account that decides something, as GitHub counts them."""
    newest: dict[int | None, GivenReview] = {}
    for review in sorted(reviews, key=lambda one: (one.submitted_at, one.number)):
        if review.state in _DECISIVE:
            newest[review.user] = review
    yield from newest.values()


def _own_digests(text: str) -> list[str]:
    """Find digests that a reviewer has written: not in a quote, nor where nobody sees them."""
    shown = _QUOTE.sub("", _COMMENT.sub("", text[:LONGEST_REVIEW].replace("\r", "\n")))
    return _DIGEST.findall(shown)


def _word(review: GivenReview, approver: Approver, posted: PostedPlan) -> Word:
    return Word(
        plan_digest=posted.plan_digest,
        approves=review.state == _APPROVES,
        by=approver.name,
        vouched_by=Voucher.GITHUB,
        account=str(review.user),
        reason=printable(_DIGEST.sub("", review.body), LONGEST_WORD_REASON),
        at=review.submitted_at,
        evidence=f"review {review.number} on {review.commit}",
    )
