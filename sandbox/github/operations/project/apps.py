"""The GitHub App, its installation and its tokens; users and the rate limit.

https://docs.github.com/en/rest/apps/apps
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from tiercel.sandbox.github.memory.records import App, Level, Permissions, RepositoryRecord, User
from tiercel.sandbox.github.memory.world import JsonObject, timestamp
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route
from tiercel.sandbox.github.operations.project.repositories import find_all
from tiercel.sandbox.github.rules.auth import new_token
from tiercel.sandbox.github.rules.errors import (
    NOT_FOR_INTEGRATION,
    VALIDATION_FAILED,
    ApiError,
    not_found,
)
from tiercel.sandbox.github.views.repositories import minimal_repository
from tiercel.sandbox.github.views.users import app_view, full_user, installation

_TOKEN_LIFE = timedelta(hours=1)
_RANKS: dict[str, int] = {"read": 1, "write": 2, "admin": 3}


class InstallationTokenBody(Body):
    """The body of the operation that makes an installation token; less than all may be asked."""

    resource: ClassVar[str] = "Installation"

    repositories: list[str] = Field(default_factory=list)
    repository_ids: list[int] = Field(default_factory=list)
    permissions: Permissions = Field(default_factory=dict)


def _account(call: ApiCall) -> User:
    """Return whom the App is installed for: the owner of the first repository."""
    repositories = find_all(call.world)
    owner = repositories[0].owner if repositories else call.world.app().bot
    return call.world.user(owner)


def _app(call: ApiCall) -> Answer:
    return Answer(200, app_view(call.world, call.world.app()) | {"installations_count": 1})


def _installations(call: ApiCall) -> Answer:
    return call.page([call.world.app()], lambda a: installation(call.world, a, _account(call)))


def _installed(call: ApiCall) -> App:
    record = call.world.app()
    if call.number("installation_id") != record.installation:
        raise not_found()
    return record


def _installation(call: ApiCall) -> Answer:
    return Answer(200, installation(call.world, _installed(call), _account(call)))


def _of_repository(call: ApiCall) -> Answer:
    owner = call.world.user(call.repository.owner)
    return Answer(200, installation(call.world, call.world.app(), owner))


def _new_token(call: ApiCall) -> Answer:
    """Make a token that expires in an hour and may do what was asked, or all the App may."""
    record, wish = _installed(call), call.parse(InstallationTokenBody)
    for name, level in wish.permissions.items():
        if _RANKS[level] > _RANKS.get(record.permissions.get(name, ""), 0):
            message = "The permissions requested are not granted to this installation."
            raise ApiError(VALIDATION_FAILED, message=message)
    chosen = _chosen(call, wish)
    expires = call.world.now() + _TOKEN_LIFE
    permissions: dict[str, Level] = wish.permissions or record.permissions
    text = new_token(
        call.world,
        call.world.user(record.bot),
        permissions=permissions,
        repositories=None if chosen is None else [repository.id for repository in chosen],
        installation=record.installation,
        expires_at=expires,
    )
    body: JsonObject = {
        "token": text,
        "expires_at": timestamp(expires),
        "permissions": permissions,
        "repository_selection": "all" if chosen is None else "selected",
    }
    if chosen is not None:
        body["repositories"] = [minimal_repository(call.world, item) for item in chosen]
    return Answer(201, body)


def _chosen(call: ApiCall, wish: InstallationTokenBody) -> list[RepositoryRecord] | None:
    if not wish.repositories and not wish.repository_ids:
        return None
    known = find_all(call.world)
    found = [r for r in known if r.name in wish.repositories or r.id in wish.repository_ids]
    if len(found) < len({*wish.repositories, *wish.repository_ids}):
        message = (
            "There is at least one repository that does not exist or is not accessible to the "
            "parent installation."
        )
        raise ApiError(VALIDATION_FAILED, message=message)
    return found


def _repositories(call: ApiCall) -> Answer:
    if not call.actor.is_installation:
        raise not_found()
    seen = [repository for repository in find_all(call.world) if call.actor.sees(repository)]
    chosen, headers = call.cut(seen)
    views = [minimal_repository(call.world, repository) for repository in chosen]
    return Answer(200, {"total_count": len(seen), "repositories": views}, headers)


def _me(call: ApiCall) -> Answer:
    if call.actor.is_installation:
        raise ApiError(NOT_FOR_INTEGRATION)
    return Answer(200, full_user(call.world, call.user))


def _user(call: ApiCall) -> Answer:
    found = call.world.user_of(call.parameters["username"])
    if found is None:
        raise not_found()
    return Answer(200, full_user(call.world, found))


ROUTES = (
    Route("GET", "/app", _app, "app"),
    Route("GET", "/app/installations", _installations, "app"),
    Route("GET", "/app/installations/{installation_id}", _installation, "app"),
    Route("POST", "/app/installations/{installation_id}/access_tokens", _new_token, "app"),
    Route("GET", "/repos/{owner}/{repo}/installation", _of_repository, "app"),
    Route("GET", "/installation/repositories", _repositories, "user"),
    Route("GET", "/user", _me, "user"),
    Route("GET", "/users/{username}", _user, "anyone"),
)
