"""PyGithub, set up once: who we are, how fast we ask and what is tried again."""

from __future__ import annotations

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
from tiercel.tasks.engine.retry_budget import tries_once
from tiercel.tasks.github.transport.bounds import ApiServer, Budget, bounded_call
from tiercel.tasks.github.transport.connection import bound_connections, forget_sessions
from tiercel.tasks.github.transport.credentials import (
    APP_ID,
    APP_INSTALLATION,
    APP_KEY,
    Credentials,
    number_in,
    own_credentials,
)
from tiercel.tasks.github.transport.errors import translated_answer
from tiercel.tasks.github.transport.waiting import PatientRetry

_TIMEOUT_SECONDS = 15
_ONE_TRY_SECONDS = 5.0
"""For an answer that only tells something; GitHub's take a second at most."""
_FORBIDDEN, _NOT_FOUND = 403, 404
_one_at_a_time = threading.RLock()


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


def token() -> str:
    """Return a token for git and the API; UnreachableError if there is none.

    GITHUB_TOKEN, or an installation token of the App that GITHUB_APP_ID,
    GITHUB_APP_PRIVATE_KEY_FILE and GITHUB_APP_INSTALLATION_ID name; PyGithub renews it.
    """
    with github_call("authenticate at GitHub", own_credentials().api_url):
        return _connection(own_credentials()).auth.token


def repository(name: str) -> Repository:
    """Return the API of a repository, `owner/name`, without asking whether it exists.

    Use it inside `github_call`.
    """
    return _connection(own_credentials()).client.get_repo(name)


def require_accepted() -> None:
    """Ask GitHub whether it takes our credentials; UnreachableError if it does not, or is away.

    It counts for no limit: https://docs.github.com/rest/rate-limit/rate-limit
    An Enterprise server without limits says to whomever it takes that it finds none.
    """
    with github_call("authenticate at GitHub", own_credentials().api_url):
        try:
            _connection(own_credentials()).client.get_rate_limit()
        except GithubException as error:
            if error.status != _NOT_FOUND:
                raise


def own_login() -> str:
    """Return the login under which GitHub shows what we write, empty where it does not say.

    A token of GitHub Actions may not ask for it. Use it inside `github_call`.
    """
    return _login(own_credentials())


def is_us(user: NamedUser | Organization | None) -> bool:
    """Tell whether a user of GitHub's is who we are; where it does not say, whether it is a bot."""
    if user is None:
        return False
    login = own_login()
    return user.login == login if login else user.type == "Bot"


@lru_cache(maxsize=4)
def _login(settings: Credentials) -> str:
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
        bounded_call(_budget(ApiServer.of(own_credentials().api_url))),
    ):
        yield


def _budget(server: ApiServer) -> Budget:
    return Budget(server, _ONE_TRY_SECONDS) if tries_once() else Budget(server)


def forget_github() -> None:
    """Drop the client, because the address or the credentials changed."""
    _connection.cache_clear()
    _login.cache_clear()
    forget_sessions()


@lru_cache(maxsize=4)
def _connection(settings: Credentials) -> _Connection:
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


def _auth(settings: Credentials) -> Auth.Auth:
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
    app = number_in(APP_ID, settings.app_id)
    installation = number_in(APP_INSTALLATION, settings.installation)
    permissions = dict(settings.permissions) or None
    return _Installation(_app_auth(app, settings.key_file), installation, permissions)


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


def _app_auth(app: int, key_file: str) -> Auth.AppAuth:
    """Return what signs for the App. No message names the file: it may be the key itself."""
    remedy = f"{APP_KEY} has to name the PEM file that GitHub made for the App"
    try:
        key = Path(key_file).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise UnreachableError(
            "github.no_private_key",
            "the GitHub App's private key cannot be read",
            where=APP_KEY,
            why=why or "",
            remedy=remedy,
        ) from None
    try:
        auth = Auth.AppAuth(app, key)
        auth.create_jwt()
    except Exception:  # noqa: BLE001 - PyGithub, PyJWT and cryptography each have their own
        raise UnreachableError(
            "github.bad_private_key",
            "the GitHub App's private key cannot be used",
            where=APP_KEY,
            why="it is not an RSA key in PEM format without a passphrase",
            remedy=remedy,
        ) from None
    return auth
