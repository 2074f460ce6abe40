"""Reviews of a pull request, and whether somebody has changed their text since."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tiercel.domain.approvals.github_words import GivenReview
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.transport.client import github_call, repository

_REVIEWED = "reviewed"


@world_task("read reviews", "read reviews of {name} #{number}")
def read_reviews(name: str, number: int) -> tuple[GivenReview, ...]:
    """Return the reviews of a pull request that were submitted, as GitHub has them now.

    A review does not say when its text was changed, the pull request's timeline does. That is read
    afterwards: a change in between is told, too.
    https://docs.github.com/rest/issues/timeline#list-timeline-events-for-an-issue
    """
    with github_call("read the reviews of a pull request", f"{name}#{number}"):
        pull = repository(name).get_pull(number)
        reviews = [one.raw_data for one in pull.get_reviews()]
        events = [one.raw_data for one in pull.as_issue().get_timeline()]
    changed = {one.get("id"): one for one in events if one.get("event") == _REVIEWED}
    return tuple(
        _review(one, changed.get(one["id"], {})) for one in reviews if one.get("submitted_at")
    )


def _review(found: dict[str, Any], event: dict[str, Any]) -> GivenReview:
    """Return a review; its account may be gone, which GitHub tells as null."""
    user = found.get("user") or {}
    updated = event.get("updated_at")
    return GivenReview(
        number=found["id"],
        user=user.get("id"),
        user_type=user.get("type") or "",
        state=found["state"],
        body=found.get("body") or "",
        commit=found.get("commit_id") or "",
        submitted_at=datetime.fromisoformat(found["submitted_at"]),
        updated_at=datetime.fromisoformat(updated) if updated else None,
    )
