"""PyGithub, set up once: who we are, how fast we ask and what is tried again."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from github import Auth, Github, GithubException, GithubIntegration
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.Repository import Repository

from tiercel.domain.base.errors import UnreachableError
from tiercel.tasks.engine.pace import is_loopback
from tiercel.tasks.github.transport.bounds import ApiServer, Budget, bounded_call
from tiercel.tasks.github.transport.connection import bound_connections, forget_sessions
from tiercel.tasks.github.transport.errors import translated_answer
from tiercel.tasks.github.transport.verifying import narrow_permissions, narrow_token
from tiercel.tasks.github.transport.waiting import PatientRetry

_TIMEOUT_SECONDS = 15
_FORBIDDEN = 403
_APP_ID = "GITHUB_APP_ID"
_APP_KEY = "GITHUB_APP_PRIVATE_KEY_FILE"
_APP_INSTALLATION = "GITHUB_APP_INSTALLATION_ID"
_one_at_a_time = threading.RLock()


class _Settings(NamedTuple):
    api_url: str
    token: str
    app_id: str
    key_file: str
    installation: str
    permissions: tuple[tuple[str, str], ...]
    """What the App's token may do; empty for all that the App may."""


class _Connection(NamedTuple):
    client: Github
    auth: Auth.Auth


class _Installation(Auth.AppInstallationAuth):
    """An installation of the App, whose failures are told apart from those of a request."""

    @property
    def token(self) -> str:
        """A token that is good for some minutes at least; GitHub's lasts an hour."""
        where = f"installation {self.installation_id} of App {self.app_id}"
        with translated_answer("authenticate as the GitHub App", where):
            return super().token


def has_credentials() -> bool:
    """Tell whether this process may speak to GitHub as somebody."""
    return bool(os.environ.get("GITHUB_TOKEN") or os.environ.get(_APP_ID))


def app_id() -> int:
    """Return the number of the GitHub App as which this process speaks; 0 if it has a token."""
    settings = _settings()
    return 0 if settings.token or not settings.app_id else _number(_APP_ID, settings.app_id)


def token() -> str:
    """Return a token for git and the API; UnreachableError if there is none.

    GITHUB_TOKEN, or an installation token of the App that GITHUB_APP_ID,
    GITHUB_APP_PRIVATE_KEY_FILE and GITHUB_APP_INSTALLATION_ID name; PyGithub renews it.
    """
    with github_call("authenticate at GitHub", _settings().api_url):
        return _connection(_settings()).auth.token


def repository(name: str) -> Repository:
    """Return the API of a repository, `owner/name`, without asking whether it exists.

    Use it inside `github_call`.
    """
    return _connection(_settings()).client.get_repo(name)


def own_login() -> str:
    """Return the login under which GitHub shows what we write, empty where it does not say.

    A token of GitHub Actions may not ask for it. Use it inside `github_call`.
    """
    return _login(_settings())


def is_us(user: NamedUser | Organization | None) -> bool:
    """Tell whether a user of GitHub's is who we are; where it does not say, whether it is a bot."""
    if user is None:
        return False
    login = own_login()
    return user.login == login if login else user.type == "Bot"


@lru_cache(maxsize=4)
def _login(settings: _Settings) -> str:
    connection = _connection(settings)
    if isinstance(connection.auth, _Installation):
        app = _app_auth(int(settings.app_id), settings.key_file)
        integration = GithubIntegration(
            auth=app, base_url=settings.api_url, timeout=_TIMEOUT_SECONDS
        )
        try:
            return f"{integration.get_app().slug}[bot]"
        finally:
            integration.close()
    try:
        return connection.client.get_user().login
    except GithubException as error:
        if error.status != _FORBIDDEN:
            raise
        return ""


@contextmanager
def github_call(what: str, where: str) -> Iterator[None]:
    """Ask GitHub, one caller at a time, and turn failures into TiercelErrors.

    PyGithub keeps the request that it is about to send on its connection, so two threads
    would send each other's; and GitHub asks for requests one after the other:
    https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """
    with (
        _one_at_a_time,
        translated_answer(what, where),
        bounded_call(Budget(ApiServer.of(_settings().api_url))),
    ):
        yield


def forget_github() -> None:
    """Drop the client, because the address or the credentials changed."""
    _connection.cache_clear()
    _login.cache_clear()
    forget_sessions()


def _settings() -> _Settings:
    """Read the environment; UnreachableError for an address that is none, or is not encrypted."""
    names = ("GITHUB_TOKEN", _APP_ID, _APP_KEY, _APP_INSTALLATION)
    api_url = os.environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
    if not _is_spoken_to(api_url):
        raise UnreachableError(
            "github.bad_address",
            "GITHUB_API_URL is not an address that is spoken to",
            where="environment variables",
            why="it has to begin with https://, or with http:// for this machine's loopback",
            remedy="set it to https://api.github.com, or to https://HOST/api/v3",
        )
    token, app, key, installation = (os.environ.get(name, "").strip() for name in names)
    token = narrow_token() or token
    permissions = tuple((narrow_permissions() or {}).items())
    return _Settings(api_url, token, app, key, installation, permissions)


def _is_spoken_to(url: str) -> bool:
    """Tell whether nobody but the server can read what is sent to an address."""
    try:
        server = ApiServer.of(url)
    except ValueError:
        return False
    encrypted = server.scheme == "https" or (server.scheme == "http" and is_loopback(url))
    return encrypted and bool(server.host)


@lru_cache(maxsize=4)
def _connection(settings: _Settings) -> _Connection:
    address = urlsplit(settings.api_url)
    auth = _auth(settings)
    bound_connections()
    # GitHub.com asks for these pauses; an Enterprise server sets no such limit.
    hurried = address.hostname != "api.github.com"
    client = Github(
        auth=auth,
        base_url=settings.api_url,
        timeout=_TIMEOUT_SECONDS,
        per_page=100,
        lazy=True,
        seconds_between_requests=0 if hurried else 0.25,
        seconds_between_writes=0 if hurried else 1.0,
        retry=PatientRetry(),
    )
    return _Connection(client, auth)


def _auth(settings: _Settings) -> Auth.Auth:
    if settings.token:
        return _plain_token(settings.token)
    if not (settings.app_id and settings.key_file and settings.installation):
        raise UnreachableError(
            "github.no_credentials",
            "this process has no GitHub credentials",
            where="environment variables",
            remedy="set GITHUB_TOKEN, or GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY_FILE and "
            "GITHUB_APP_INSTALLATION_ID",
        )
    app_id = _number(_APP_ID, settings.app_id)
    installation = _number(_APP_INSTALLATION, settings.installation)
    permissions = dict(settings.permissions) or None
    return _Installation(_app_auth(app_id, settings.key_file), installation, permissions)


def _plain_token(text: str) -> Auth.Token:
    """Return a token that can stand in a header: the error of a wrong one would show it."""
    if not re.fullmatch(r"[!-~]+", text):
        raise UnreachableError(
            "github.bad_token",
            "GITHUB_TOKEN is not a token",
            where="environment variables",
            why="it has white space or letters outside ASCII",
            remedy="set it to the token alone",
        )
    return Auth.Token(text)


def _number(variable: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UnreachableError(
            "github.bad_app_number",
            f"{variable} is not a number",
            where="environment variables",
            remedy="GitHub shows it on the App's page, or in the address of its installation",
        )
    return int(text)


def _app_auth(app_id: int, key_file: str) -> Auth.AppAuth:
    """Return what signs for the App. No message names the file: it may be the key itself."""
    remedy = f"{_APP_KEY} has to name the PEM file that GitHub made for the App"
    try:
        key = Path(key_file).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise UnreachableError(
            "github.no_private_key",
            "the GitHub App's private key cannot be read",
            where=_APP_KEY,
            why=why or "",
            remedy=remedy,
        ) from None
    try:
        auth = Auth.AppAuth(app_id, key)
        auth.create_jwt()
    except Exception:  # noqa: BLE001 - PyGithub, PyJWT and cryptography each have their own
        raise UnreachableError(
            "github.bad_private_key",
            "the GitHub App's private key cannot be used",
            where=_APP_KEY,
            why="it is not an RSA key in PEM format without a passphrase",
            remedy=remedy,
        ) from None
    return auth
