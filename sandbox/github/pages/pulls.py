"""Pages of pull requests."""

from __future__ import annotations

from tiercel.sandbox.github.git.differences import changes
from tiercel.sandbox.github.memory.activities import Comment, PullRequestRecord, Review
from tiercel.sandbox.github.pages.commits import changed_files, commits_between, statuses
from tiercel.sandbox.github.pages.place import ShownRepository
from tiercel.sandbox.github.views.pulls import labels_of
from tiercel.sandbox.pages.frame import html_page
from tiercel.sandbox.pages.markup import Markup, element, link, side_by_side
from tiercel.sandbox.pages.parts import (
    code_text,
    facts,
    html_table,
    moment,
    section,
    state,
    written,
)


def pull_page(place: ShownRepository, number: str) -> bytes | None:
    """Return the page of a pull request; None if there is none."""
    pull = place.world.store.one(PullRequestRecord, place.repository.id, number)
    if pull is None:
        return None
    start = place.git.merge_base(pull.base_sha, pull.head_sha)
    return html_page(
        f"#{pull.number} {pull.title}",
        [*place.trail, ("pull requests", place.at("pulls"))],
        facts(
            ("state", state(state_of(pull))),
            ("by", place.login(pull.user)),
            ("from", side_by_side([code_text(pull.head_ref), " at ", place.commit(pull.head_sha)])),
            ("into", side_by_side([code_text(pull.base_ref), " at ", place.commit(pull.base_sha)])),
            ("labels", ", ".join(one.name for one in labels_of(place.world, pull))),
            ("opened", moment(pull.created_at)),
            ("merged", moment(pull.merged_at)),
            ("merged by", place.login(pull.merged_by)),
            ("merge", place.commit(pull.merge_commit) if pull.merge_commit else ""),
        ),
        written(pull.body or ""),
        statuses(place, pull.head_sha),
        _reviews(place, pull),
        _comments(place, pull),
        commits_between(place, pull.base_sha, pull.head_sha),
        changed_files(changes(place.git, start, pull.head_sha)),
    )


def pulls_page(place: ShownRepository) -> bytes:
    """Return the list of a repository's pull requests, the newest first."""
    found = place.world.store.find(PullRequestRecord, place.repository.id)
    return html_page("Pull requests", place.trail, pulls_table(place, found[::-1]))


def pulls_table(place: ShownRepository, pulls: list[PullRequestRecord]) -> Markup:
    """Return pull requests as a table."""
    rows = [
        (
            link(f"#{one.number} {one.title}", place.at("pull", one.number)),
            state(state_of(one)),
            f"{one.head_ref} into {one.base_ref}",
            place.login(one.user),
        )
        for one in pulls
    ]
    return html_table(("pull request", "state", "branches", "by"), rows)


def state_of(pull: PullRequestRecord) -> str:
    """Return open, draft, merged or closed."""
    if pull.merged_at:
        return "merged"
    return "draft" if pull.draft and pull.state == "open" else pull.state


def _reviews(place: ShownRepository, pull: PullRequestRecord) -> Markup:
    rows = [
        (state(one.state.lower()), place.login(one.user), place.commit(one.commit), one.body)
        for one in place.world.store.find(Review, place.repository.id, pull.key)
        if one.state != "PENDING"
    ]
    return section("Reviews", html_table(("state", "by", "of", "words"), rows))


def _comments(place: ShownRepository, pull: PullRequestRecord) -> Markup:
    found = place.world.store.find(Comment, place.repository.id, pull.key)
    said = [
        element(
            "article",
            element("p", f"{place.login(one.user)}, {moment(one.updated_at)}", class_="quiet"),
            written(one.body),
            id=f"issuecomment-{one.id}",
        )
        for one in found
    ]
    return section("Comments", *(said or [element("p", "none", class_="quiet")]))
