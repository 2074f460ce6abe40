"""Pages of releases."""

from __future__ import annotations

from tiercel.sandbox.github.memory.activities import ReleaseRecord
from tiercel.sandbox.github.pages.place import ShownRepository
from tiercel.sandbox.pages.frame import html_page
from tiercel.sandbox.pages.markup import Markup, link
from tiercel.sandbox.pages.parts import code_text, facts, html_table, moment, state, written


def github_release_page(place: ShownRepository, tag: str) -> bytes | None:
    """Return the page of a release; None if there is none of the tag."""
    found = [one for one in _releases(place) if tag_in_address(one) == tag]
    if not found:
        return None
    release = found[0]
    sha = place.git.commit(f"tags/{release.tag}") or ""
    return html_page(
        release.name or release.tag,
        [*place.trail, ("releases", place.at("releases"))],
        facts(
            ("state", state(_state(release))),
            ("tag", code_text(release.tag)),
            ("commit", place.commit(sha) if sha else ""),
            ("by", place.login(release.author)),
            ("published", moment(release.published_at)),
        ),
        written(release.body or ""),
    )


def releases_page(place: ShownRepository) -> bytes:
    """Return the list of a repository's releases, the newest first."""
    return html_page("Releases", place.trail, releases_table(place))


def releases_table(place: ShownRepository, most: int | None = None) -> Markup:
    """Return the newest releases as a table."""
    rows = [
        (
            link(one.name or one.tag, place.at("releases/tag", tag_in_address(one))),
            state(_state(one)),
            place.login(one.author),
            moment(one.published_at),
        )
        for one in _releases(place)[:most]
    ]
    return html_table(("release", "state", "by", "published"), rows)


def tag_in_address(release: ReleaseRecord) -> str:
    """Return what an address has of a release: a draft's has no tag."""
    return f"untagged-{release.id}" if release.draft else release.tag


def _releases(place: ShownRepository) -> list[ReleaseRecord]:
    return place.world.store.find(ReleaseRecord, place.repository.id)[::-1]


def _state(release: ReleaseRecord) -> str:
    if release.draft:
        return "draft"
    return "prerelease" if release.prerelease else "published"
