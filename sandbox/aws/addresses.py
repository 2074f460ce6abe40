"""The addresses of APIs and function URLs, which on AWS are host names of their own.

On loopback a client sends the request to the gateway and names the host in its Host
header. The emulator knows `<id>.execute-api.localhost` for ids of one length only, and
looks an API up in the account of the caller, who is nobody when the call is not signed.
"""

from __future__ import annotations

import re

from ministack.core import responses

from tiercel.sandbox.aws import emulator
from tiercel.sandbox.machine.asgi import Scope

_API_HOST = re.compile(
    r"([a-z0-9]+)\.execute-api\.(?:[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|localhost)(?::\d+)?"
)
_API_PATH = re.compile(r"/_aws/execute-api/([a-z0-9]+)(/.*)?")
_FUNCTION_HOST = re.compile(r"([a-z0-9]+)\.lambda-url\.[a-z0-9-]+\.on\.aws(?::\d+)?")


def with_api_in_path(scope: Scope) -> Scope:
    """Return the request in the form that names the API in the path, if it names one as host.

    The Host header stays, so that a function sees the address that its caller used.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html
    """
    match = _API_HOST.fullmatch(host_of(scope))
    if match is None:
        return scope
    prefix = f"/_aws/execute-api/{match[1]}"
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return scope | {"path": prefix + scope["path"], "raw_path": prefix.encode() + raw_path}


def called_api(scope: Scope) -> tuple[str, str] | None:
    """Return the id of the API that a request in path form calls, and the path there."""
    match = _API_PATH.fullmatch(scope["path"])
    return (match[1], match[2] or "/") if match else None


def called_function_url(scope: Scope) -> str | None:
    """Return the id of the function URL that a request calls."""
    match = _FUNCTION_HOST.fullmatch(host_of(scope))
    return match[1] if match else None


def enter_account_of_api(scope: Scope) -> None:
    """Serve an unsigned call of an API as its owner's account, as API Gateway does."""
    called = called_api(scope)
    owner = emulator.owner_of_api(called[0]) if called else None
    if owner:
        responses.set_request_account_id(owner[0])


def host_of(scope: Scope) -> str:
    """Return the Host header, or an empty text."""
    for name, value in scope["headers"]:
        if name == b"host":
            return str(value.decode("latin-1")).lower()
    return ""
