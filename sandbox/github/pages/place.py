"""One repository as its pages see it."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.sandbox.github.git.commands import GitRepository
from tiercel.sandbox.github.memory.records import RepositoryRecord, User
from tiercel.sandbox.github.memory.urls import quoted
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.pages.markup import Markup, link
from tiercel.sandbox.pages.parts import code_text

_SHORT = 10


@dataclass(frozen=True)
class ShownRepository:
    """A repository, and addresses below it."""

    world: World
    repository: RepositoryRecord

    @property
    def git(self) -> GitRepository:
        """The bare repository."""
        return self.world.git(self.repository)

    @property
    def trail(self) -> list[tuple[str, str]]:
        """What stands above every page of the repository."""
        return [(self.repository.full_name, self.at())]

    def at(self, *path: str | int) -> str:
        """Return the path of a page."""
        parts = (self.repository.full_name, *map(str, path))
        return "/" + "/".join(quoted(part) for part in parts)

    def commit(self, sha: str) -> Markup:
        """Return a link to a commit."""
        return link(code_text(sha[:_SHORT]), self.at("commit", sha))

    def login(self, user: int | None) -> str:
        """Return who it was; empty for nobody."""
        found = self.world.store.get(User, user) if user else None
        return found.login if found else ""
