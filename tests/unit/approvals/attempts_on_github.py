"""Attempts with reviews: of another head, edited, dismissed, hidden, by whoever is no approver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from tests.adversary.frame import Attack, Kind, Removal
from tests.unit.approvals.attempts_of_people import ACCOUNT
from tests.unit.approvals.scene import NOW, PLAN, POSTED, Scene, review, word

_WORDS = "domain.approvals.github_words"
PERSON = (Removal(f"{_WORDS}:objection", "review.user_type != _PERSON", "False"),)
HEAD = (Removal(f"{_WORDS}:objection", "review.commit != posted.head_commit", "False"),)
UNEDITED = (Removal(f"{_WORDS}:objection", "review.updated_at != review.submitted_at", "False"),)
DIGEST = (
    Removal(f"{_WORDS}:objection", "set(_own_digests(review.body)) != {posted.plan_digest}",
            "False"),
)  # fmt: skip
UNQUOTED = (Removal(f"{_WORDS}:_own_digests", '_QUOTE.sub("", ', "("),)
VISIBLE = (Removal(f"{_WORDS}:_own_digests", '_COMMENT.sub("", ', "("),)
WHOLE_DIGESTS = (
    Removal(f"{_WORDS}:_own_digests", "_DIGEST.findall(shown)",
            "[one for one in [text[text.find('ab'):][:64]] if one]"),
)  # fmt: skip
APPROVING = (
    Removal(f"{_WORDS}:_newest", "review.state in _DECISIVE", "True"),
    Removal(f"{_WORDS}:github_words", "or review.state not in (_APPROVES, _DECLINES)", ""),
    Removal(f"{_WORDS}:_word", "review.state == _APPROVES", "True"),
)
NEWEST = (
    Removal(f"{_WORDS}:_newest", "newest[review.user] = review",
            "newest.setdefault(review.user, review)"),
)  # fmt: skip
SHOWN = (Removal(f"{_WORDS}:github_words", "not _was_posted(posted, waiting)", "False"),)
LISTED = (
    Removal(f"{_WORDS}:github_words", "known.get(review.user or 0)",
            "next(iter(known.values()))"),
    ACCOUNT,
)  # fmt: skip
STANDING = (
    Removal("domain.approvals.words:lasting", "one.vouched_by is Voucher.AWS or not one.approves",
            "True"),
)  # fmt: skip
LATER: dict[str, Any] = {
    "submitted_at": NOW + timedelta(seconds=9),
    "updated_at": NOW + timedelta(seconds=9),
    "number": 2,
}
OTHER = "12" * 32


def _reviewed(**changed: Any) -> Callable[[None], bool]:
    return lambda _: Scene(reviews=(review(**changed),)).goes_on()


def _posted(**changed: Any) -> Callable[[None], bool]:
    posted = POSTED.model_copy(update=changed)
    body = {"commit": posted.head_commit, "body": posted.plan_digest}
    return lambda _: Scene(reviews=(review(**body),), posted=posted).goes_on()


def _afterwards(**changed: Any) -> Callable[[None], bool]:
    """What an approver said first counted and was recorded; then it was changed."""
    kept = word(evidence=f"review 1 on {POSTED.head_commit}")
    return lambda _: Scene(reviews=(review(**changed),), recorded=(kept,)).goes_on()


_ROWS: tuple[tuple[str, str, tuple[Removal, ...], Callable[[None], bool]], ...] = (
    ("a bot approves", "people", PERSON, _reviewed(user_type="Bot")),
    ("an organization approves", "people", PERSON, _reviewed(user_type="Organization")),
    ("a mannequin approves", "people", PERSON, _reviewed(user_type="Mannequin")),
    ("a review of an earlier head counts", "the head that was shown", HEAD,
     _reviewed(commit="e" * 40)),
    ("a review of no commit counts", "the head that was shown", HEAD, _reviewed(commit="")),
    ("somebody puts the digest into another's review", "reviews that nobody changed", UNEDITED,
     _reviewed(updated_at=NOW + timedelta(minutes=5))),
    ("the reviewer changes his own review", "reviews that nobody changed", UNEDITED,
     _reviewed(updated_at=NOW + timedelta(seconds=1))),
    ("nobody says whether a review was changed", "reviews that nobody changed", UNEDITED,
     _reviewed(updated_at=None)),
    ("a review says nothing", "the digest in its text", DIGEST, _reviewed(body="")),
    ("a review says that it looks good", "the digest in its text", DIGEST,
     _reviewed(body="LGTM")),
    ("a review has another plan's digest", "the digest in its text", DIGEST,
     _reviewed(body=OTHER)),
    ("a review has the digest in short", "the digest in its text", DIGEST,
     _reviewed(body=PLAN[:12])),
    ("a review has every digest that there is", "the digest in its text", DIGEST,
     _reviewed(body=f"{PLAN}\n{OTHER}")),
    ("a review has a longer text around the digest", "digests as a whole", WHOLE_DIGESTS,
     _reviewed(body=f"{PLAN}00")),
    ("a reviewer quotes the digest and refuses", "the reviewer's own words", UNQUOTED,
     _reviewed(body=f"> {PLAN}\n\nI did not look at this.")),
    ("a quote hides behind a carriage return", "the reviewer's own words", UNQUOTED,
     _reviewed(body=f"fine\r  > {PLAN}")),
    ("the digest stands in a comment of the template", "what is seen", VISIBLE,
     _reviewed(body=f"<!-- plan: {PLAN} -->\nfine")),
    ("the digest stands in a comment that never ends", "what is seen", VISIBLE,
     _reviewed(body=f"fine <!-- {PLAN}")),
    ("a review was dismissed", "reviews that approve", APPROVING, _reviewed(state="DISMISSED")),
    ("a review only comments", "reviews that approve", APPROVING, _reviewed(state="COMMENTED")),
    ("a review is pending", "reviews that approve", APPROVING, _reviewed(state="PENDING")),
    ("the same person asks for changes later", "the last review", NEWEST,
     lambda _: Scene(reviews=(review(), review(state="CHANGES_REQUESTED", body="wait", **LATER)))
     .goes_on()),
    ("the digest was shown on another pull request", "where it was shown", SHOWN,
     _posted(pull_request=8)),
    ("the digest was shown in another repository", "where it was shown", SHOWN,
     _posted(repository="acme/other")),
    ("the digest was shown on a head that was replaced", "where it was shown", SHOWN,
     _posted(head_commit="e" * 40)),
    ("a stranger approves", "accounts that are listed", LISTED, _reviewed(user=66)),
    ("an account that took an approver's login approves", "accounts that are listed", LISTED,
     _reviewed(user=4711)),
    ("an account that is gone approves", "accounts that are listed", LISTED,
     _reviewed(user=None)),
    ("a review is dismissed after it counted", "reviews that stand now", STANDING,
     _afterwards(state="DISMISSED")),
    ("a review is changed after it counted", "reviews that stand now", STANDING,
     _afterwards(updated_at=NOW + timedelta(hours=1), body="on second thoughts, no")),
)  # fmt: skip


def attempts() -> Iterator[Attack[None]]:
    for name, protection, removals, deed in _ROWS:
        yield Attack(name, Kind.FORGE, protection, removals, deed)
