"""The Prefect server that a command speaks to: reached, or a clear reason why not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import prefect
from prefect.client.base import ServerType
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings

from tiercel.domain.base.errors import UnreachableError

_REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


@asynccontextmanager
async def prefect_server() -> AsyncIterator[PrefectClient]:
    """Yield a client of the server of PREFECT_API_URL, having seen that it can be used.

    Raises UnreachableError, also for what the server refuses later, if there is no address,
    no answer, no permission, or another version.
    """
    url = get_current_settings().api.url
    if not url:
        raise UnreachableError(
            "prefect.not_named",
            "no Prefect server is named",
            where="PREFECT_API_URL",
            state="nothing was called",
            remedy="set PREFECT_API_URL to the address of yours, ending in /api",
        )
    with told_as_unreachable(url):
        async with get_client() as client:
            if client.server_type != ServerType.CLOUD:
                _check_version(url, await client.api_version())
            yield client


@contextmanager
def told_as_unreachable(url: str) -> Iterator[None]:
    """Raise UnreachableError for a Prefect server that does not answer, or refuses something."""
    try:
        yield
    except PrefectHTTPStatusError as error:
        raise _refusal(url, error) from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise _no_answer(url, error) from error
    except RuntimeError as error:
        # So Prefect's client reports a server that it cannot reach when it starts.
        if "Failed to reach API" not in str(error):
            raise
        raise _no_answer(url, error.__cause__ or error) from error


def _check_version(url: str, found: str) -> None:
    """Raise UnreachableError for a server that is older than this client, or another major."""
    ours, theirs = _major_and_minor(prefect.__version__), _major_and_minor(found)
    if theirs[0] != ours[0] or theirs < ours:
        raise UnreachableError(
            "prefect.other_version",
            f"the Prefect server has version {found}",
            where=url,
            why=f"Tiercel is installed with Prefect {prefect.__version__}",
            state="nothing was changed",
            remedy=f"use a server of version {ours[0]}.{ours[1]} or newer, below {ours[0] + 1}",
        )


def _major_and_minor(version: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _refusal(url: str, error: PrefectHTTPStatusError) -> UnreachableError:
    if error.response.status_code in _REFUSED:
        return UnreachableError(
            "prefect.credentials_refused",
            "the Prefect server refuses these credentials",
            where=url,
            why=f"HTTP {error.response.status_code}",
            remedy="set PREFECT_API_AUTH_STRING (user:password, self-hosted) or PREFECT_API_KEY "
            "(Prefect Cloud), and unset the other one",
        )
    return UnreachableError(
        "prefect.request_refused",
        "the Prefect server refuses a request",
        where=f"{error.request.method} {error.request.url}",
        why=error.response.text[:2000],
        remedy="the reason has the server's own words; see its log",
    )


def _no_answer(url: str, error: BaseException) -> UnreachableError:
    return UnreachableError(
        "prefect.no_answer",
        "the Prefect server does not answer",
        where=url,
        why=f"{type(error).__name__}: {error}",
        remedy="check PREFECT_API_URL and that the server runs",
    )
