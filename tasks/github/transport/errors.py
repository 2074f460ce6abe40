"""What GitHub's refusals mean: which pass by themselves, and what a person can do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from github import BadAttributeException, GithubException
from github.GithubException import IncompletableObject

from tiercel.domain.base.errors import (
    RefusedInputError,
    TiercelError,
    TransientError,
    UnreachableError,
)
from tiercel.domain.base.rate_limits import rate_limit_seconds
from tiercel.domain.base.text import printable
from tiercel.tasks.github.transport.bounds import odd_answer

_SERVER_ERRORS = range(500, 600)
_UNAUTHORIZED = 401
_LONGEST_REASON = 300
_ODD = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadAttributeException,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What PyGithub, and our own values, make of an answer with other types than GitHub's."""


@contextmanager
def translated_answer(what: str, where: str) -> Iterator[None]:
    """Turn PyGithub's exceptions into TiercelErrors.

    TransientError for what may pass by itself: rate limits, servers that are ill, and
    somebody else who did the same at the same moment, which a second look shows. UnreachableError
    for an answer that GitHub does not give.
    """
    try:
        yield
    except IncompletableObject as error:
        raise odd_answer("it does not say where an object of it is", where) from error
    except GithubException as error:
        raise _of_answer(error, what, where) from error
    except (requests.exceptions.RequestException, OSError) as error:
        raise TransientError(
            "github.no_answer",
            f"cannot {what}: GitHub did not answer",
            where=where,
            why=type(error).__name__,
            remedy="check the network and GITHUB_API_URL, then run it again",
        ) from error
    except _ODD as error:
        raise odd_answer(f"{type(error).__name__} while it was read", where) from error


def _of_answer(error: GithubException, what: str, where: str) -> TiercelError:
    why = f"{error.status}: {_reason(error)}"
    headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
    seconds = rate_limit_seconds(error.status, headers, why, time.time())
    if seconds is not None:
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        return TransientError(
            "github.rate_limited",
            f"cannot {what}: GitHub's rate limit is used up",
            where=where,
            why=why,
            state=f"GitHub takes requests again at {ends:%Y-%m-%d %H:%M:%S} UTC",
            remedy="run it again after that; nothing is lost",
        )
    if error.status in _SERVER_ERRORS or _exists_already(error):
        return TransientError(
            "github.busy",
            f"cannot {what}: GitHub is busy or ill",
            where=where,
            why=why,
            remedy="run it again in a minute; nothing is lost",
        )
    if error.status == _UNAUTHORIZED:
        return UnreachableError(
            "github.refused_credentials",
            f"cannot {what}: GitHub does not take the credentials",
            where=where,
            why=why,
            remedy="they have expired or were taken back: put a new GITHUB_TOKEN, or a new key of "
            "the GitHub App, into the environment of the worker or command, and start it again",
        )
    if error.status in (403, 404):
        return UnreachableError(
            "github.not_allowed",
            f"not allowed to {what}, or it does not exist",
            where=where,
            why=why,
            remedy="check the name, and what GITHUB_TOKEN or the GitHub App may do there",
        )
    return RefusedInputError(
        "github.refused",
        f"GitHub refuses to {what}",
        where=where,
        why=why,
        remedy="correct what GitHub names, then run it again",
    )


def _exists_already(error: GithubException) -> bool:
    """Whether what was looked for in vain was made by somebody else a moment later."""
    reason = _reason(error).lower()
    return error.status == 422 and ("already exists" in reason or "already_exists" in reason)


def _reason(error: GithubException) -> str:
    """Return GitHub's words in one line, with the details of a validation error.

    https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#validation-failed
    """
    data: Any = error.data
    if not isinstance(data, dict):
        return printable(str(data), _LONGEST_REASON)
    details = data.get("errors")
    texts = [_detail(one) for one in details] if isinstance(details, list) else []
    return printable(": ".join([str(data.get("message", "")), *texts]), _LONGEST_REASON)


def _detail(one: Any) -> str:
    if not isinstance(one, dict):
        return str(one)
    return str(one.get("message") or f"{one.get('field', '')} {one.get('code', '')}").strip()
