"""Whether an environment follows GitHub by itself, read without Prefect.

To import Prefect takes twice as long as all else that `tiercel status` does. One request needs
none of it; what that does not answer, Prefect's own client is asked.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

FOLLOW_GITHUB = "follow-github"
_LONGEST_SECONDS = 10.0
_LARGEST_BYTES = 4_000_000
_NO_DEPLOYMENT = b"eployment not found"
_HEADERS = "PREFECT_CLIENT_CUSTOM_HEADERS"
_OTHER_WAYS = ("PREFECT_API_TLS", "PREFECT_API_SSL", _HEADERS)
"""Settings of the way to the server that a plain request does not know."""


@dataclass(frozen=True)
class SeenSchedule:
    """Whether a deployment is paused, and whether a schedule of it is on."""

    is_paused: bool
    is_on: bool


class NotAnsweredError(Exception):
    """The server was not asked, or its answer was none."""


def why_off(name: str, found: SeenSchedule | None) -> str:
    """Return why nobody sees a word by itself, nothing if the deployment's schedule is on."""
    if found is None:
        return f"there is no deployment {name}"
    if found.is_paused:
        return f"{name} is paused"
    return "" if found.is_on else f"the schedule of {name} is off"


def seen_schedule(name: str) -> SeenSchedule | None:
    """Return what the server of PREFECT_API_URL says, None if it has no such deployment.

    Raises NotAnsweredError: Prefect's own client may still be answered.
    """
    url = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    if not url.startswith(("http://", "https://")) or _goes_another_way(url):
        raise NotAnsweredError
    wish = urllib.request.Request(  # noqa: S310 - http or https, as was seen
        f"{url}/deployments/name/{quote(name)}", headers=_credentials()
    )
    try:
        with urllib.request.urlopen(wish, timeout=_LONGEST_SECONDS) as answer:  # noqa: S310
            return _schedule_in(json.loads(answer.read(_LARGEST_BYTES)))
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND and _NO_DEPLOYMENT in error.read(_LARGEST_BYTES):
            return None
        raise NotAnsweredError from error
    except (OSError, ValueError, HTTPException) as error:
        raise NotAnsweredError from error


def _goes_another_way(url: str) -> bool:
    ways = _OTHER_WAYS if url.startswith("https://") else (_HEADERS,)
    return any(name.startswith(ways) for name in os.environ)


def _credentials() -> dict[str, str]:
    """Return them as Prefect's client would choose."""
    if words := os.environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(words.encode()).decode()}"}
    if key := os.environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    return {}


def _schedule_in(document: Any) -> SeenSchedule:
    try:
        schedules = [bool(one["active"]) for one in document["schedules"]]
        return SeenSchedule(is_paused=bool(document["paused"]), is_on=any(schedules))
    except (KeyError, TypeError) as error:
        raise NotAnsweredError from error
