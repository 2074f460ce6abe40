"""The addresses that answers contain.

The API is below /api/v3, as on GitHub Enterprise Server; pages and git are at the root.
https://docs.github.com/en/enterprise-server/rest/using-the-rest-api/getting-started-with-the-rest-api
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

API_PREFIX = "/api/v3"


@dataclass(frozen=True)
class Urls:
    """Addresses of one stand-in; `server` is `http://127.0.0.1:PORT`."""

    server: str

    @property
    def api(self) -> str:
        """What a client needs as its base address."""
        return self.server + API_PREFIX

    def repository(self, full_name: str, *path: str | int) -> str:
        """Return an address below a repository in the API."""
        return "/".join([f"{self.api}/repos/{full_name}", *(quoted(str(part)) for part in path)])

    def page(self, full_name: str, *path: str | int) -> str:
        """Return the address of a page of a repository."""
        return "/".join([f"{self.server}/{full_name}", *(quoted(str(part)) for part in path)])

    def user(self, login: str, *path: str) -> str:
        """Return an address below a user in the API."""
        return "/".join([f"{self.api}/users/{quoted(login)}", *path])


def quoted(text: str) -> str:
    """Return text as a part of a path; slashes stay."""
    return quote(text, safe="/")
