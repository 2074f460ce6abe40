"""The page of a repository, and the list of all."""

from __future__ import annotations

from tiercel.sandbox.github.memory.activities import PullRequestRecord
from tiercel.sandbox.github.memory.records import RepositoryRecord
from tiercel.sandbox.github.pages.deployments import deployments_table
from tiercel.sandbox.github.pages.place import ShownRepository
from tiercel.sandbox.github.pages.pulls import pulls_table
from tiercel.sandbox.github.pages.releases import releases_table
from tiercel.sandbox.pages.frame import html_page
from tiercel.sandbox.pages.markup import link, side_by_side
from tiercel.sandbox.pages.parts import code_text, html_table, section

_NEWEST = 10


def repository_page(place: ShownRepository) -> bytes:
    """Return what there is in a repository: branches, and the newest of everything."""
    heads = place.git.references("refs/heads")
    branches = [
        (code_text(name.removeprefix("refs/heads/")), place.commit(sha))
        for name, sha in heads.items()
    ]
    pulls = place.world.store.find(PullRequestRecord, place.repository.id)[::-1]
    return html_page(
        place.repository.full_name,
        [("repositories", "/")],
        section("Branches", html_table(("branch", "commit"), branches)),
        section("Pull requests", pulls_table(place, pulls[:_NEWEST]), _all(place, "pulls")),
        section("Releases", releases_table(place, _NEWEST), _all(place, "releases")),
        section("Deployments", deployments_table(place, most=_NEWEST), _all(place, "deployments")),
    )


def repositories_page(found: list[RepositoryRecord]) -> bytes:
    """Return the list of all repositories."""
    rows = [(link(one.full_name, f"/{one.full_name}"), one.default_branch) for one in found]
    return html_page("Repositories", [], html_table(("repository", "default branch"), rows))


def _all(place: ShownRepository, what: str) -> str:
    return side_by_side([link("all of them", place.at(what))])
