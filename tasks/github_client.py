"""PyGithub, set up once: who we are, what is tried again, what failures mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from github import Auth, Github, GithubException, GithubRetry
from github.Repository import Repository

from domain.errors import RefusedInputError, TiercelError, TransientError, UnreachableError

_TIMEOUT_SECONDS = 15
_RATE_LIMIT_BUDGET_SECONDS = 120
_SERVER_ERRORS = range(500, 600)
_RATE_LIMITED = (403, 429)


def has_credentials() -> bool:
    """Tell whether this process may speak to GitHub as somebody."""
    return bool(os.environ.get("GITHUB_TOKEN") or os.environ.get("GITHUB_APP_ID"))


def token() -> str:
    """Return a token for git and the API; UnreachableError if there is none.

    GITHUB_TOKEN, or an installation token of the App that GITHUB_APP_ID,
    GITHUB_APP_PRIVATE_KEY_FILE and GITHUB_APP_INSTALLATION_ID name; PyGithub renews it.
    """
    with translated("authenticate at GitHub", _api_url()):
        auth = _client(_settings()).requester.auth
        if auth is None:
            raise UnreachableError("this process has no GitHub credentials")
        return auth.token


def repository(name: str) -> Repository:
    """Return the API of a repository, `owner/name`, without asking whether it exists."""
    return _client(_settings()).get_repo(name)


def forget_github() -> None:
    """Close the client, because the address or the credentials changed."""
    _client.cache_clear()
    _auth.cache_clear()


@contextmanager
def translated(what: str, where: str) -> Iterator[None]:
    """Turn PyGithub's exceptions into TiercelErrors.

    TransientError for what may pass by itself: rate limits and servers that are ill.
    """
    try:
        yield
    except GithubException as error:
        raise _of_answer(error, what, where) from error
    except (requests.exceptions.RequestException, OSError) as error:
        raise TransientError(
            f"cannot {what}: GitHub did not answer",
            where=where,
            why=type(error).__name__,
            remedy="check the network and GITHUB_API_URL, then run it again",
        ) from error


def _of_answer(error: GithubException, what: str, where: str) -> TiercelError:
    message = _message(error)
    why = f"{error.status}: {message}"
    if error.status in _SERVER_ERRORS or _is_rate_limit(error, message):
        return TransientError(
            f"cannot {what}: GitHub is busy or ill",
            where=where,
            why=why,
            remedy="run it again in a minute; nothing is lost",
        )
    if error.status in (401, 403, 404):
        return UnreachableError(
            f"not allowed to {what}, or it does not exist",
            where=where,
            why=why,
            remedy="check the name, and what GITHUB_TOKEN or the GitHub App may do there",
        )
    return RefusedInputError(f"GitHub refuses to {what}", where=where, why=why)


def _is_rate_limit(error: GithubException, message: str) -> bool:
    return error.status in _RATE_LIMITED and "rate limit" in message.lower()


def _message(error: GithubException) -> str:
    data: Any = error.data
    return str(data.get("message", "")) if isinstance(data, dict) else str(data)[:200]


def _api_url() -> str:
    return os.environ.get("GITHUB_API_URL", "https://api.github.com")


def _settings() -> tuple[str, ...]:
    names = (
        "GITHUB_TOKEN",
        "GITHUB_APP_ID",
        "GITHUB_APP_PRIVATE_KEY_FILE",
        "GITHUB_APP_INSTALLATION_ID",
    )
    return (_api_url(), *(os.environ.get(name, "") for name in names))


@lru_cache(maxsize=4)
def _client(settings: tuple[str, ...]) -> Github:
    """Reads are repeated by PyGithub; writes are not, because it would not look first."""
    return Github(
        auth=_auth(settings),
        base_url=settings[0],
        timeout=_TIMEOUT_SECONDS,
        per_page=100,
        lazy=True,
        seconds_between_requests=_pace(settings[0], 0.25),
        seconds_between_writes=_pace(settings[0], 1.0),
        retry=GithubRetry(
            total=5,
            backoff_factor=0.5,
            max_rate_limit_wait=_RATE_LIMIT_BUDGET_SECONDS,
            allowed_methods={"GET", "HEAD"},
        ),
    )


def _pace(api_url: str, seconds: float) -> float:
    """Wait between calls as GitHub.com asks; an Enterprise server sets no such limit.

    https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
    """
    return seconds if urlsplit(api_url).hostname == "api.github.com" else 0


@lru_cache(maxsize=4)
def _auth(settings: tuple[str, ...]) -> Auth.Token | Auth.AppInstallationAuth:
    _, plain, app_id, key_file, installation = settings
    if plain:
        return Auth.Token(plain)
    if not (app_id and key_file and installation):
        raise UnreachableError(
            "this process has no GitHub credentials",
            where="environment variables",
            remedy="set GITHUB_TOKEN, or GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY_FILE and "
            "GITHUB_APP_INSTALLATION_ID",
        )
    key = Path(key_file).read_text(encoding="ascii")
    return Auth.AppAuth(int(app_id), key).get_installation_auth(int(installation))
