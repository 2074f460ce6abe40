"""The token with which a job of a workflow says to AWS which job it is."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from tiercel.domain.base.errors import RefusedInputError, UnreachableError

_ADDRESS, _BEARER = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_AUDIENCE = "sts.amazonaws.com"
_SECONDS = 10.0
_TRIES = 3


def read_workflow_token(environ: Mapping[str, str]) -> str:
    """Return the token of the job whose environment variables are given.

    https://docs.github.com/en/actions/reference/security/oidc. Raises RefusedInputError if the job
    may not have one, UnreachableError if GitHub does not give it.
    """
    address, bearer = environ.get(_ADDRESS), environ.get(_BEARER)
    if not address or not bearer:
        raise RefusedInputError(
            "trigger.no_token",
            "this job has no token to show to AWS",
            where=_ADDRESS,
            state="nothing was called",
            remedy="give the job `permissions: id-token: write` and an `environment:`, or set "
            "PREFECT_API_AUTH_STRING",
        )
    transport = httpx.HTTPTransport(retries=_TRIES)
    try:
        with httpx.Client(transport=transport, timeout=_SECONDS) as client:
            answer = client.get(
                httpx.URL(address).copy_merge_params({"audience": _AUDIENCE}),
                headers={"Authorization": f"bearer {bearer}"},
            )
        token = answer.raise_for_status().json()["value"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        # Its text may have the address, which is no secret; the bearer is in none of them.
        raise UnreachableError(
            "trigger.token_refused",
            "GitHub gave no token for this job",
            where=_ADDRESS,
            why=f"{type(error).__name__}: {error}",
            state="nothing was called",
            remedy="run the job again; if it lasts, look at https://www.githubstatus.com",
        ) from None
    return str(token)
