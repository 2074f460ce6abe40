"""As whom this process speaks to GitHub, as far as its environment says it.

To know that there is nobody to ask as takes no PyGithub: its import is a tenth of a second, which
commands that only look would pay for nothing.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from tiercel.domain.base.errors import UnreachableError
from tiercel.tasks.engine.pace import is_loopback
from tiercel.tasks.github.transport.bounds import ApiServer
from tiercel.tasks.github.transport.verifying import narrow_permissions, narrow_token

APP_ID = "GITHUB_APP_ID"
APP_KEY = "GITHUB_APP_PRIVATE_KEY_FILE"
APP_INSTALLATION = "GITHUB_APP_INSTALLATION_ID"


class Credentials(NamedTuple):
    """Where GitHub's API is, and what this process shows there; a part that is not set is empty."""

    api_url: str
    token: str
    app_id: str
    key_file: str
    installation: str
    permissions: tuple[tuple[str, str], ...]
    """What the App's token may do; empty for all that the App may."""


def has_credentials() -> bool:
    """Tell whether this process may speak to GitHub as somebody."""
    return bool(os.environ.get("GITHUB_TOKEN") or os.environ.get(APP_ID))


def app_id() -> int:
    """Return the number of the GitHub App as which this process speaks; 0 if it has a token."""
    own = own_credentials()
    return 0 if own.token or not own.app_id else number_in(APP_ID, own.app_id)


def own_credentials() -> Credentials:
    """Read the environment; UnreachableError for an address that is none, or is not encrypted."""
    names = ("GITHUB_TOKEN", APP_ID, APP_KEY, APP_INSTALLATION)
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
    return Credentials(api_url, token, app, key, installation, permissions)


def number_in(variable: str, text: str) -> int:
    """Return the number that a variable has; UnreachableError if it has none."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UnreachableError(
            "github.bad_app_number",
            f"{variable} is not a number",
            where="environment variables",
            remedy="GitHub shows it on the App's page, or in the address of its installation",
        )
    return int(text)


def _is_spoken_to(url: str) -> bool:
    """Tell whether nobody but the server can read what is sent to an address."""
    try:
        server = ApiServer.of(url)
    except ValueError:
        return False
    encrypted = server.scheme == "https" or (server.scheme == "http" and is_loopback(url))
    return encrypted and bool(server.host)
