"""What an HTTP exchange means in AWS's terms: who called what, and how it ended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote

from ministack.core import iam_actions, router
from ministack.services import lambda_svc

from tiercel.sandbox.aws import addresses, emulator
from tiercel.sandbox.aws.journal import CallKind
from tiercel.sandbox.aws.operations import rest_operation
from tiercel.sandbox.machine.asgi import Scope

_XML_REQUEST_ID = re.compile(rb"<RequestI[dD]>([^<]+)</RequestI[dD]>")
_ACCOUNT = re.compile("[0-9]{12}")
_XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_NOTICING_SECONDS = 0.02


@dataclass(frozen=True)
class AwsRequest:
    """What the journal needs of a request; the body only where it names the operation."""

    method: str
    path: str
    raw_path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Caller:
    """Who signed a request; empty texts when nobody did."""

    account: str = ""
    principal: str = ""
    access_key: str = ""


@dataclass(frozen=True)
class AwsTarget:
    """What a request asks for."""

    kind: CallKind
    service: str
    action: str = ""
    operation: str = ""
    resource: str = ""


def parse_request(scope: Scope, body: bytes) -> AwsRequest:
    """Return the request of an ASGI scope."""
    headers = text_headers(scope["headers"])
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    raw_path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    return AwsRequest(scope["method"], scope["path"], raw_path, headers, query, body)


def text_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by lower-case name."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def by_root(scope: Scope) -> bool:
    """Tell whether the root of an account signed, which is how the sandbox fills the accounts.

    The id of a root's key is that of its account.
    """
    key = router.extract_access_key_id(text_headers(scope["headers"]), {})
    return bool(_ACCOUNT.fullmatch(key or ""))


def seconds_before_answer(scope: Scope, body_size: int) -> float:
    """Return how long an answer has to wait until its client can take it; 0 but for Go.

    Go's `net/http` gives a connection up on which the answer comes after a body was written and
    before that was noted. The AWS SDK then sends the call again, and what it made already
    "exists". No network answers that fast; loopback does, once in some hundred calls.
    """
    agent = text_headers(scope["headers"]).get("user-agent", "")
    return _NOTICING_SECONDS if body_size and "aws-sdk-go" in agent else 0.0


def region_of(request: AwsRequest) -> str:
    """Return the region that a request is signed for, else the sandbox's own."""
    return str(router.extract_region(dict(request.headers), dict(request.query)))


def caller_of(request: AwsRequest) -> Caller:
    """Return who signed; the signature itself is for the emulator to judge."""
    key = router.extract_access_key_id(dict(request.headers), dict(request.query))
    if not key:
        return Caller()
    account = emulator.account_of_key(key)
    principal = emulator.principal_of_key(key, account) if account else ""
    return Caller(account, principal, key[-4:])


def target_of(scope: Scope, request: AwsRequest, caller: Caller) -> AwsTarget:
    """Return what the request asks for; call it when the emulator has answered."""
    if request.path.startswith("/_ministack/"):
        return AwsTarget(CallKind.ADMIN, "ministack", operation=request.path)
    if called := addresses.called_api(scope):
        return _api_target(request, *called)
    if url := addresses.called_function_url(scope):
        return _function_url_target(request, url)
    return _service_target(request, caller)


def _api_target(request: AwsRequest, api_id: str, path: str) -> AwsTarget:
    account, region = emulator.owner_of_api(api_id) or ("", "")
    resource = f"arn:aws:execute-api:{region}:{account}:{api_id}/*/{request.method}{path}"
    return AwsTarget(
        CallKind.DATA_PLANE, "execute-api", "execute-api:Invoke", request.method, resource
    )


def _function_url_target(request: AwsRequest, url: str) -> AwsTarget:
    found = lambda_svc.resolve_function_url(url)
    resource = f"arn:aws:lambda:{found[1]}:{found[0]}:function:{found[2]}" if found else url
    action = "lambda:InvokeFunctionUrl"
    return AwsTarget(CallKind.DATA_PLANE, "lambda-url", action, request.method, resource)


def _service_target(request: AwsRequest, caller: Caller) -> AwsTarget:
    headers, query = dict(request.headers), dict(request.query)
    parameters = emulator.routing_parameters(
        request.method, request.path, headers, request.body, query
    )
    path, raw_path = _path_style(request)
    service = router.detect_service(request.method, path, headers, parameters)
    action = iam_actions.extract_iam_action(
        service, request.method, path, headers, request.body, parameters
    )
    resource = iam_actions.extract_resource_arn(
        service,
        request.method,
        path,
        headers,
        request.body,
        parameters,
        region_of(request),
        caller.account,
    )
    operation = _named_operation(parameters, headers) or rest_operation(
        service, request.method, raw_path, query, headers
    )
    return AwsTarget(
        CallKind.API, service, action or "", operation, "" if resource == "*" else str(resource)
    )


def _named_operation(parameters: emulator.QueryParameters, headers: Mapping[str, str]) -> str:
    """Return the operation that a query or JSON protocol request names."""
    actions = parameters.get("Action") or [headers.get("x-amz-target", "").rpartition(".")[2]]
    return actions[0]


def _path_style(request: AwsRequest) -> tuple[str, str]:
    """Return the path with the bucket in it, also where the bucket is named as host."""
    bucket = emulator.bucket_of_host(request.headers.get("host", ""))
    if not bucket:
        return request.path, request.raw_path
    return f"/{bucket}{request.path}", f"/{bucket}{request.raw_path}"


def error_code(method: str, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the error code of an answer, as botocore would name it; None on success."""
    if status < 400:
        return None
    if method == "HEAD":
        return str(status)
    named = headers.get("x-amzn-errortype", "").partition(":")[0]
    return named or _code_in(body) or str(status)


def request_id(headers: Mapping[str, str], body: bytes) -> str:
    """Return the id that the caller sees: that in the XML, else that in a header."""
    if found := _XML_REQUEST_ID.search(body):
        return found[1].decode("latin-1")
    names = ("x-amzn-requestid", "x-amz-request-id", "apigw-requestid")
    return next((headers[name] for name in names if name in headers), "")


def _code_in(body: bytes) -> str:
    if found := _XML_CODE.search(body):
        return found[1].decode("latin-1")
    try:
        data: Any = json.loads(body)
    except ValueError:
        return ""
    named = (
        data.get("__type") or data.get("code") or data.get("Code") if isinstance(data, dict) else ""
    )
    return str(named or "").rpartition("#")[2]
