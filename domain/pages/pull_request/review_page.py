"""The page of a pull request: the verdict on each of its services."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.pages.frame import page
from tiercel.domain.pages.links import Links
from tiercel.domain.pages.markdown import code, code_block, escaped, table
from tiercel.domain.review.statuses import Status, StatusState


def verification_page(
    pull: PullRequest, commit: str, checks: Sequence[Status], links: Links
) -> str:
    """Return the verdict on a pull request and on each of its services."""
    rows = [(code(one.context), _state(one.state), escaped(one.description)) for one in checks]
    details = [
        f"### {escaped(one.context)}\n\n{code_block(one.details)}" for one in checks if one.details
    ]
    return page(
        f"Pull request {links.pull_request(pull.repository, pull.number)} "
        f"of {escaped(pull.repository)}",
        f"{escaped(pull.title)}, by {escaped(pull.author)}, "
        f"at {links.commit(pull.repository, commit)}",
        table(("status", "state", "result"), rows),
        *details,
    )


def _state(state: StatusState) -> str:
    return (
        state.value if state in (StatusState.SUCCESS, StatusState.PENDING) else f"**{state.value}**"
    )
