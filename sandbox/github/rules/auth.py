"""Who calls, and what they may do.

https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from tiercel.sandbox.github.memory.records import (
    App,
    Level,
    Permission,
    Permissions,
    RepositoryRecord,
    Token,
    User,
)
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.rules.errors import (
    BAD_CREDENTIALS,
    BAD_JWT,
    EXPIRED_JWT,
    FAR_JWT,
    FUTURE_JWT,
    NO_INTEGRATION,
    ApiError,
)

_RANKS: dict[str | None, int] = {None: 0, "read": 1, "write": 2, "admin": 3}
_PREFIXES = {"personal": "github_pat_", "installation": "ghs_"}
_JWT_LONGEST = timedelta(minutes=10)
_JWT_DRIFT = timedelta(minutes=1)

# What a role may at most do; see
# https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization
_READ: Permissions = {
    **dict.fromkeys(("actions", "checks", "contents", "deployments", "metadata"), "read"),
    "statuses": "read",
    "issues": "write",
    "pull_requests": "write",
}
_WRITE: Permissions = _READ | {
    **dict.fromkeys(("actions", "checks", "contents", "deployments", "statuses"), "write")
}
_ADMIN: Permissions = _WRITE | {"administration": "write", "repository_hooks": "write"}
_ROLES: dict[Permission, Permissions] = {
    "read": _READ,
    "triage": _READ,
    "write": _WRITE,
    "maintain": _WRITE,
    "admin": _ADMIN,
}


# What everybody may read in a public repository.
_PUBLIC = frozenset(_READ)


@dataclass(frozen=True)
class Actor:
    """The caller of one request. Without `user` it is nobody, or the App itself."""

    user: User | None = None
    token: Token | None = None
    app: App | None = None

    @property
    def name(self) -> str:
        """The login, for the journal."""
        if self.user:
            return self.user.login
        return self.app.slug if self.app else ""

    @property
    def is_installation(self) -> bool:
        """Whether the caller is an installation of the App."""
        return bool(self.token and self.token.installation)

    @property
    def must_be_user(self) -> User:
        """The user; ApiError when there is none, which a route's need has ruled out."""
        if self.user is None:
            raise ApiError(BAD_CREDENTIALS)
        return self.user

    def sees(self, repository: RepositoryRecord) -> bool:
        """Tell whether the repository exists for this caller."""
        if not repository.private:
            return True
        if self.user is None or self.user.role is None:
            return False
        chosen = self.token.repositories if self.token else None
        return chosen is None or repository.id in chosen

    def may(self, repository: RepositoryRecord, permission: str, level: Level) -> bool:
        """Tell whether the caller's role and token both allow it."""
        if not repository.private and level == "read" and permission in _PUBLIC:
            return True
        if not self.sees(repository) or self.user is None or self.user.role is None:
            return False
        granted: list[Permissions] = [] if self.is_installation else [_ROLES[self.user.role]]
        if self.token and self.token.permissions is not None:
            granted.append(self.token.permissions)
        return all(
            permission == "metadata" or _RANKS[given.get(permission)] >= _RANKS[level]
            for given in granted
        )


def identify(world: World, headers: Mapping[str, str]) -> Actor:
    """Return who sends these headers; nobody without credentials, ApiError for wrong ones.

    Tokens come as `Bearer`, as `token` or, as git sends them, as a basic password.
    """
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    if not scheme:
        return Actor()
    value = value.strip()
    if scheme.lower() == "basic":
        value = _password(value)
    elif scheme.lower() not in {"bearer", "token"}:
        raise ApiError(BAD_CREDENTIALS)
    if value.count(".") == 2:
        return Actor(app=_app_of(world, value))
    return _owner_of(world, value)


def new_token(
    world: World,
    user: User,
    *,
    permissions: Permissions | None = None,
    repositories: list[int] | None = None,
    installation: int | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Make a token and return it; only its hash is kept."""
    prefix = _PREFIXES["installation" if installation else "personal"]
    text = prefix + secrets.token_hex(18)
    world.store.put(
        Token(
            id=world.store.next_id(),
            digest=_digest(text),
            user=user.id,
            permissions=permissions,
            repositories=repositories,
            installation=installation,
            expires_at=expires_at,
        )
    )
    return text


def _owner_of(world: World, text: str) -> Actor:
    token = world.store.one(Token, 0, _digest(text))
    if token is None or (token.expires_at and token.expires_at <= world.now()):
        raise ApiError(BAD_CREDENTIALS)
    return Actor(user=world.user(token.user), token=token)


def _app_of(world: World, text: str) -> App:
    """Return the App that signed a JSON web token.

    https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
    """
    app = world.app()
    unchecked = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_sub": False}
    try:
        claims = jwt.decode(text, app.public_key, algorithms=["RS256"], options=unchecked)  # type: ignore[arg-type]
    except jwt.InvalidTokenError as error:
        raise ApiError(BAD_JWT) from error
    issued, expires = claims.get("iat"), claims.get("exp")
    now = world.now().timestamp()
    if not isinstance(expires, int) or expires <= now:
        raise ApiError(EXPIRED_JWT)
    if expires > now + (_JWT_LONGEST + _JWT_DRIFT).total_seconds():
        raise ApiError(FAR_JWT)
    if not isinstance(issued, int) or issued > now + _JWT_DRIFT.total_seconds():
        raise ApiError(FUTURE_JWT)
    if str(claims.get("iss")) not in {str(app.id), f"Iv1.{app.id:016x}"}:
        raise ApiError(NO_INTEGRATION)
    return app


def _password(value: str) -> str:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise ApiError(BAD_CREDENTIALS) from error
    login, _, password = text.partition(":")
    return password if password not in {"", "x-oauth-basic"} else login


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
