"""Smoke tests: ask a stack that was just deployed, and compare its answer."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from botocore.exceptions import (
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

from tiercel.domain.base.errors import SmokeTestFailedError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.services import SmokeTest
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.smoke_tests import mismatch, parsed, shown
from tiercel.domain.traffic.shifts import Shift
from tiercel.tasks.aws.clients import client_of_one_try
from tiercel.tasks.aws.errors import (
    TRANSIENT_CODES,
    code_of,
    http_status_of,
    message_of,
    translated,
)
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.stack.stacks import physical_id

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import InvocationRequestTypeDef

_TRIES = 5
_SECONDS_BETWEEN_TRIES = 2.0
SECONDS_OF_A_TRY = 60
_MAX_ANSWER_BYTES = 1_048_576
_MAY_HAVE_RUN = (HTTPClientError, IncompleteReadError, ProxyConnectionError, SSLError)
"""How a call ends whose request may have arrived; botocore has other errors for one that cannot."""
_SERVER_ERRORS = range(500, 600)
"""https://www.rfc-editor.org/rfc/rfc9110#section-15.6"""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_AWS_HOSTS = re.compile(
    r"[a-z0-9]+\.(execute-api|lambda-url)\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.aws)"
)


@world_task("smoke test", "smoke test {stack.name}")
def smoke_test(
    access: Access, stack: Stack, test: SmokeTest, seconds: int = SECONDS_OF_A_TRY
) -> str:
    """Run a stack's smoke test and return the answer as one short line.

    Tried five times, two seconds apart: a fresh address may need a moment. An answer has so
    many seconds to come. Raises SmokeTestFailedError with the difference between the answer
    and what was expected, also if there was none or Lambda cannot run the function; and
    UnreachableError if AWS was too busy to ask it, or refused to.
    """
    where = f"stack {stack.name}, account {access.account}, region {access.region}"
    answer, problem = tried(lambda: _ask(access, stack, test, seconds, where))
    if not problem:
        return shown(answer)
    raise SmokeTestFailedError(
        "smoke_test.failed",
        f"the smoke test of {stack.name} failed",
        where=where,
        why=problem,
        state="the new version is deployed; its release is marked as failed",
        remedy="read the function's log, correct it and release again",
    )


class Invocation(NamedTuple):
    """What came of invoking a function: its answer, and what is wrong with it.

    One that `ran`, or may still be at work, is not invoked again by whoever must not repeat it.
    Whether it did is open if it was not `answered`.
    """

    answer: Any
    problem: str = ""
    ran: bool = True
    answered: bool = True


def tried(ask: Callable[[], tuple[Any, str]]) -> tuple[Any, str]:
    """Return an answer and what is wrong with it, after five tries at most."""
    answer, problem = ask()
    for _ in range(_TRIES - 1):
        if not problem:
            break
        pause(_SECONDS_BETWEEN_TRIES)
        answer, problem = ask()
    return answer, problem


def ask_version(access: Access, shift: Shift, test: SmokeTest, where: str) -> tuple[Any, str]:
    """Ask the new version of a shift by its number; return the answer, and what is wrong with it.

    Its weight does not matter: the version itself is invoked, and no alias of it.
    """
    version, called = shift.new_version, f"version {shift.new_version}"
    request: InvocationRequestTypeDef = {
        "FunctionName": shift.function,
        "Qualifier": version,
        "Payload": _payload(test),
    }
    invoked = _invoke(access, request, called, SECONDS_OF_A_TRY, where)
    return _compared(test, invoked.answer, invoked.problem)


def _ask(
    access: Access, stack: Stack, test: SmokeTest, seconds: int, where: str
) -> tuple[Any, str]:
    """Return the answer, and what is wrong with it."""
    if test.invoke:
        invoked = invoke_function(access, stack, test, seconds, where)
        answer, problem = invoked.answer, invoked.problem
    else:
        answer, problem = _call(stack, test, seconds, where)
    return _compared(test, answer, problem)


def _compared(test: SmokeTest, answer: Any, problem: str) -> tuple[Any, str]:
    if problem or test.expect is None:
        return answer, problem
    return answer, mismatch(test.expect, answer)


def invoke_function(
    access: Access,
    stack: Stack,
    test: SmokeTest,
    seconds: int,
    where: str,
    *,
    repeatable: bool = True,
) -> Invocation:
    """Invoke a function of a stack, once.

    Raises TransientError if the connection breaks before the answer is there, or Lambda itself
    fails. If it must not be repeated, that is what came of it: it may have run.
    """
    called = test.invoke or ""
    name = physical_id(access, stack.stack_id, called)
    if name is None:
        raise _names_nothing(f"the resource {called}", "smoke_test.invoke", where)
    request: InvocationRequestTypeDef = {"FunctionName": name, "Payload": _payload(test)}
    return _invoke(access, request, called, seconds, where, repeatable=repeatable)


def _payload(test: SmokeTest) -> bytes:
    return json.dumps(test.payload).encode()


def _invoke(
    access: Access,
    request: InvocationRequestTypeDef,
    called: str,
    seconds: int,
    where: str,
    *,
    repeatable: bool = True,
) -> Invocation:
    functions = client_of_one_try("lambda", access, seconds)
    with translated(f"invoke {called}", where):
        try:
            answer = functions.invoke(**request)
            body = answer["Payload"].read(_MAX_ANSWER_BYTES)
            if len(body) < _MAX_ANSWER_BYTES:
                answer["Payload"].read()  # at the end botocore sees whether it was cut short
            else:
                answer["Payload"].close()  # else its connection would be kept for the rest
        except ReadTimeoutError:
            why = f"{called} did not answer within {seconds} seconds"
            return Invocation(None, why, answered=False)
        except _MAY_HAVE_RUN as error:
            if repeatable:
                raise
            return Invocation(None, f"no answer of {called} came: {error}", answered=False)
        except ClientError as error:
            said = f"{code_of(error)}: {message_of(error)}"
            if _is_the_functions(error, functions):
                return Invocation(None, f"{called} cannot run: {said}", ran=False)
            if repeatable or not _is_lambdas_own(error, functions):
                raise
            return Invocation(None, f"no answer of {called} came: {said}", answered=False)
    told = parsed(body.decode(errors="replace"))
    if answer.get("FunctionError"):
        return Invocation(told, f"{called} raised an error: {shown(told)}")
    return Invocation(told)


def _is_the_functions(error: ClientError, functions: Any) -> bool:
    """Whether it is the function that cannot run, not Lambda that is busy or refuses the caller.

    What AWS declares for Invoke is about the function: its code, role, key, network or
    payload. Lambda's own trouble is the exception; refusals and most throttles are common to
    all calls and not declared.
    """
    return code_of(error) in _declared(functions) - TRANSIENT_CODES


def _is_lambdas_own(error: ClientError, functions: Any) -> bool:
    """Whether Lambda or something before it failed, maybe after the function had begun to run."""
    return http_status_of(error) in _SERVER_ERRORS and code_of(error) not in _declared(functions)


def _declared(functions: Any) -> set[str]:
    shapes = functions.meta.service_model.operation_model("Invoke").error_shapes
    return {shape.name for shape in shapes} - {"ServiceException"}


def _call(stack: Stack, test: SmokeTest, seconds: int, where: str) -> tuple[Any, str]:
    address = stack.outputs.get(test.http or "", "")
    if not address:
        outputs = f"its outputs are: {', '.join(stack.outputs) or 'none'}"
        raise _names_nothing(f"the output {test.http}", "smoke_test.http", where, outputs)
    url = address.rstrip("/") + test.path
    try:
        status, payload = _request(test, url, seconds)
    except (httpx.InvalidURL, ValueError) as error:
        raise SmokeTestFailedError(
            "smoke_test.bad_address",
            f"the address in the output {test.http} is not called",
            where=where,
            why=f"{url}: {error}",
            state="the new version is deployed; its release is marked as failed",
            remedy="let the output be the https address of an API that is open to the internet",
        ) from error
    except (httpx.HTTPError, OSError) as error:
        return None, f"{url} did not answer: {error}"
    if status != test.expect_status:
        return payload, f"{url} answered {status}, expected {test.expect_status}: {shown(payload)}"
    return payload, ""


def _names_nothing(what: str, key: str, where: str, why: str = "") -> SmokeTestFailedError:
    return SmokeTestFailedError(
        "smoke_test.names_nothing",
        f"the smoke test names {what}, which the stack does not have",
        where=where,
        why=why,
        state="the new version is deployed; its release is marked as failed",
        remedy=f"add it to the template, or correct {key}",
    )


def _request(test: SmokeTest, url: str, seconds: float) -> tuple[int, Any]:
    """Return status and answer; what comes after the limits of time and size is cut off.

    Raises TimeoutError if there is no status in time.
    """
    status, body = asyncio.run(_exchange(test, url, seconds))
    return status, parsed(body.decode(errors="replace"))


async def _exchange(test: SmokeTest, url: str, seconds: float) -> tuple[int, bytes]:
    """Ask in a loop of asyncio, which can end it at any point.

    httpx's own timeout begins again with every byte, and a header may come byte by byte.
    """
    target, headers, extensions = _target(url)
    content = None if test.payload is None else json.dumps(test.payload)
    status, body = 0, bytearray()
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=True) as http,
            http.stream(
                test.method, target, headers=headers, content=content, extensions=extensions
            ) as answer,
        ):
            status = answer.status_code
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER_BYTES:
                    break
    except TimeoutError:
        if not status:
            raise TimeoutError(f"no answer within {seconds} seconds") from None
    return status, bytes(body)


def _target(
    url: str, resolve: Callable[..., Any] = socket.getaddrinfo
) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return where to send a request for an address that a template chose, and as what.

    Addresses of AWS's own gateways go to AWS_ENDPOINT_URL where that is set, as every
    other AWS call does. Any other has to be https and public, so that a template
    cannot make the worker call its own machine or the metadata service. The connection
    goes to the very address that was checked: a name may resolve differently next time.
    Raises ValueError for an address that is not called, OSError for a name without one.
    """
    address = httpx.URL(url)
    name = address.raw_host.decode("ascii")
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and _AWS_HOSTS.fullmatch(name):
        path = address.raw_path.decode("ascii")
        return f"{endpoint.rstrip('/')}{path}", {"Host": name}, {}
    if address.scheme != "https":
        raise ValueError("only https addresses are called")
    found = [str(a[0]) for *_, a in resolve(name, address.port or 443, type=socket.SOCK_STREAM)]
    if not all(_is_public(one) for one in found):
        raise ValueError(f"{name} is not a public address")
    headers = {"Host": address.netloc.decode("ascii")}
    return str(address.copy_with(host=found[0])), headers, {"sni_hostname": name}


def _is_public(text: str) -> bool:
    """An address of IPv4 that is written as one of IPv6 is judged by where it leads."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        translated_one = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        inner = address.ipv4_mapped or address.sixtofour
        address = translated_one if address in _NAT64 else inner or address
    return address.is_global and not address.is_multicast
