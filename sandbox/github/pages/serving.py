"""Finds the page of an address."""

from __future__ import annotations

from collections.abc import Callable

from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.operations.project.repositories import find, find_all
from tiercel.sandbox.github.pages.commits import commit_page
from tiercel.sandbox.github.pages.deployments import deployment_page, deployments_page
from tiercel.sandbox.github.pages.overview import repositories_page, repository_page
from tiercel.sandbox.github.pages.place import ShownRepository
from tiercel.sandbox.github.pages.pulls import pull_page, pulls_page
from tiercel.sandbox.github.pages.releases import github_release_page, releases_page

_LISTS: dict[tuple[str, ...], Callable[[ShownRepository], bytes | None]] = {
    (): repository_page,
    ("pulls",): pulls_page,
    ("releases",): releases_page,
    ("deployments",): deployments_page,
}
_ONE: dict[tuple[str, ...], Callable[[ShownRepository, str], bytes | None]] = {
    ("pull",): pull_page,
    ("commit",): commit_page,
    ("releases", "tag"): github_release_page,
    ("deployments", "of"): deployment_page,
    ("deployments",): deployments_page,
}


def show(world: World, parts: list[str]) -> bytes | None:
    """Return the page at a path, given in its parts; None if there is none."""
    with world.change():  # a bare repository that nobody asked for yet is remembered
        if not parts:
            return repositories_page(find_all(world))
        repository = find(world, *parts[:2]) if len(parts) > 1 else None
        if repository is None or "\0" in "".join(parts):
            return None
        return _page(ShownRepository(world, repository), parts[2:])


def _page(place: ShownRepository, parts: list[str]) -> bytes | None:
    whole = _LISTS.get(tuple(parts))
    if whole:
        return whole(place)
    for start, one in _ONE.items():
        if tuple(parts[: len(start)]) == start and len(parts) > len(start):
            return one(place, "/".join(parts[len(start) :]))  # a tag may have slashes
    return None
