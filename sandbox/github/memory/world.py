"""The stand-in's world: its memory, its repositories, its clock and what it has to tell."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tiercel.sandbox.github.git.commands import GitRepository
from tiercel.sandbox.github.memory.records import App, RepositoryRecord, User
from tiercel.sandbox.github.memory.store import Store
from tiercel.sandbox.github.memory.urls import Urls

JsonObject = dict[str, Any]


@dataclass
class StandInSettings:
    """What a test may change while the stand-in runs.

    A pull request says `mergeable: null` to its first `unknown_mergeable_reads` readers after
    every change, as GitHub does until its own job has run; its merge reference follows then.
    `rate_limit` is per token and hour.
    """

    unknown_mergeable_reads: int = 0
    rate_limit: int = 5000
    clock_offset: timedelta = timedelta(0)


@dataclass
class World:
    """Everything that an operation acts on."""

    store: Store
    repositories: Path
    urls: Urls
    settings: StandInSettings = field(default_factory=StandInSettings)
    outbox: Callable[[list[int]], None] = lambda _: None
    _told: threading.local = field(default_factory=threading.local)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Make changes of which all or none are kept; then tell the webhooks about them."""
        with self.store.transaction():
            outermost = not hasattr(self._told, "deliveries")
            if outermost:
                self._told.deliveries = []
            try:
                yield
            except BaseException:
                if outermost:
                    del self._told.deliveries
                raise
        if outermost:
            deliveries = self._told.deliveries
            del self._told.deliveries
            self.outbox(deliveries)

    def tell(self, delivery: int) -> None:
        """Deliver this when the change under way is complete."""
        self._told.deliveries.append(delivery)

    def now(self) -> datetime:
        """Return the stand-in's time, in whole seconds as GitHub's."""
        return datetime.now(UTC).replace(microsecond=0) + self.settings.clock_offset

    def git(self, repository: RepositoryRecord) -> GitRepository:
        """Return the bare repository."""
        return GitRepository(self.repositories / f"{repository.full_name}.git")

    def user(self, identifier: int) -> User:
        """Return a user that a record names; KeyError when there is none."""
        user = self.store.get(User, identifier)
        if user is None:
            raise KeyError(identifier)
        return user

    def user_of(self, login: str) -> User | None:
        """Return a user by login, whatever its case."""
        return self.store.one(User, 0, login.lower())

    def app(self) -> App:
        """Return the one GitHub App."""
        return self.store.all(App)[0]


def node_id(kind: str, identifier: int | str) -> str:
    """Return the id that GraphQL would use."""
    return base64.b64encode(f"{kind}:{identifier}".encode()).decode()


def timestamp(moment: datetime | None) -> str | None:
    """Return a moment as GitHub writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
