"""The control path: what a test or a demo does to the stand-in that nobody does to GitHub.

Everything is below /_stand_in and needs the control token as `Authorization: Bearer`, except
the question whether the stand-in is up.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import timedelta

from pydantic import Field

from tiercel.sandbox.github.http.entrance import CONTROL_PREFIX, STAND_IN_HEALTH_PATH
from tiercel.sandbox.github.http.faults import Fault, Faults
from tiercel.sandbox.github.http.seed import new_user
from tiercel.sandbox.github.memory.records import Level, Permission, RepositoryRecord
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body
from tiercel.sandbox.github.operations.project.repositories import RepositoryWish, create, find
from tiercel.sandbox.github.rules.auth import Actor, new_token
from tiercel.sandbox.github.rules.errors import BAD_CREDENTIALS, ApiError, invalid, not_found
from tiercel.sandbox.github.rules.synchronize import synchronize
from tiercel.sandbox.github.views.repositories import minimal_repository


class UserWish(Body):
    """A person to create; without a role in every repository they see none."""

    login: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$")
    role: Permission | None = None
    name: str = ""


class _TokenWish(Body):
    """A token to make; without `permissions` it may do all that its user may."""

    login: str
    permissions: dict[str, Level] | None = None
    repositories: list[str] | None = None
    expires_in_seconds: int | None = None


class PlaceWish(Body):
    """A repository to create, or to look at again because its bare repository was changed."""

    owner: str
    name: str
    private: bool = True
    actor: str = "bot"


class SettingsWish(Body):
    """Settings to change; see `tiercel.sandbox.github.memory.world.Settings`."""

    unknown_mergeable_reads: int | None = Field(default=None, ge=0, le=100)
    rate_limit: int | None = Field(default=None, ge=0)
    advance_seconds: int = Field(default=0, ge=0)


class Control:
    """Serves the control path."""

    def __init__(self, world: World, faults: Faults, secret: str) -> None:
        self._world = world
        self._faults = faults
        self._secret = secret
        self._operations: dict[tuple[str, str], Callable[[ApiCall], Answer]] = {
            ("POST", "/faults"): self._add_fault,
            ("GET", "/faults"): self._list_faults,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/users"): self._add_user,
            ("POST", "/tokens"): self._add_token,
            ("POST", "/repositories"): self._add_repository,
            ("PATCH", "/settings"): self._change_settings,
        }

    def serve(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request of the control path."""
        if path == STAND_IN_HEALTH_PATH:
            return Answer(200, {"status": "ok"})
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return _refused(ApiError(BAD_CREDENTIALS))
        operation = self._operations.get((method, path.removeprefix(CONTROL_PREFIX)))
        if operation is None:
            return _refused(not_found())
        try:
            with self._world.change():
                return operation(ApiCall(self._world, Actor(), {}, {}, body, path))
        except ApiError as error:
            return _refused(error)

    def _add_fault(self, call: ApiCall) -> Answer:
        self._faults.add(call.parse(Fault))
        return Answer(201, {})

    def _list_faults(self, _: ApiCall) -> Answer:
        return Answer(200, [fault.model_dump() for fault in self._faults.waiting()])

    def _clear_faults(self, _: ApiCall) -> Answer:
        self._faults.clear()
        return Answer(204)

    def _add_user(self, call: ApiCall) -> Answer:
        wish = call.parse(UserWish)
        if self._world.user_of(wish.login):
            raise invalid("User", "login", "already_exists")
        user = new_user(self._world, wish.login, wish.role, wish.name)
        return Answer(201, {"login": user.login, "id": user.id, "email": user.email})

    def _add_token(self, call: ApiCall) -> Answer:
        wish = call.parse(_TokenWish)
        user = self._world.user_of(wish.login)
        if user is None:
            raise invalid("Token", "login")
        expires = wish.expires_in_seconds
        text = new_token(
            self._world,
            user,
            permissions=wish.permissions,
            repositories=self._identifiers(wish.repositories),
            expires_at=None if expires is None else self._world.now() + timedelta(seconds=expires),
        )
        return Answer(201, {"token": text})

    def _identifiers(self, names: list[str] | None) -> list[int] | None:
        if names is None:
            return None
        found = [find(self._world, *_parts(name)) for name in names]
        if None in found:
            raise invalid("Token", "repositories")
        return [repository.id for repository in found if repository]

    def _add_repository(self, call: ApiCall) -> Answer:
        """Create a repository if it is not there; tell what moved in it since the last look."""
        wish = call.parse(PlaceWish)
        actor = self._world.user_of(wish.actor)
        if actor is None:
            raise invalid("Repository", "actor")
        found = find(self._world, wish.owner, wish.name)
        wanted = RepositoryWish(name=wish.name, private=wish.private)
        repository = found or create(self._world, wish.owner, wanted)
        repository = synchronize(self._world, repository, actor)
        if not found or wish.has("private"):
            known = self._world.store.get(RepositoryRecord, repository.id) or repository
            update = {"private": wish.private}
            repository = self._world.store.put(known.model_copy(update=update))
        return Answer(200 if found else 201, minimal_repository(self._world, repository))

    def _change_settings(self, call: ApiCall) -> Answer:
        wish, settings = call.parse(SettingsWish), self._world.settings
        if wish.unknown_mergeable_reads is not None:
            settings.unknown_mergeable_reads = wish.unknown_mergeable_reads
        if wish.rate_limit is not None:
            settings.rate_limit = wish.rate_limit
        settings.clock_offset += timedelta(seconds=wish.advance_seconds)
        return Answer(200, {"now": self._world.now().isoformat()})


def _parts(name: str) -> tuple[str, str]:
    owner, _, rest = name.partition("/")
    return owner, rest


def _refused(error: ApiError) -> Answer:
    return Answer(error.refusal.status, error.body(), error.headers)
