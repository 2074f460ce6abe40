"""What tests of smoke tests and of seeds share. A module takes a fixture by assigning its name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.sandbox.support import zipped
from tests.tasks.faults import Answer, Faults, Question, interceptor
from tests.tasks.stacks import Template, Workshop
from tiercel.domain.artifact.manifest import object_key
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import SmokeTest
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.tasks.aws.clients import client_of_one_try, forget_clients
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.stack import smoke_tests
from tiercel.tasks.stack.smoke_tests import smoke_test

Ask = Callable[[Stack, SmokeTest], str]

# What AWS declares about the function and not about Lambda: it did not run.
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
ERRORS_OF_A_FUNCTION = [
    ("KMSAccessDeniedException", 502),
    ("SubnetIPAddressLimitReachedException", 502),
    ("InvalidRuntimeException", 502),
    ("EFSMountFailureException", 403),
    ("EFSMountTimeoutException", 408),
    ("SnapStartException", 400),
    ("ResourceConflictException", 409),
    ("ResourceNotFoundException", 404),
]

GATEWAY = "https://abc123.execute-api.eu-central-1.amazonaws.com"
_HTTP_URL = {"Fn::Sub": "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
_CODE = """
def handler(event, context):
    if event and "rawPath" in event:
        if event["rawPath"] == "/broken":
            return {"statusCode": 503, "body": "sorry"}
        return {"statusCode": 200, "body": '{"path": "%s", "more": [1, 2]}' % event["rawPath"]}
    if event and "raise" in event:
        raise ValueError("no such order: " + event["raise"])
    return event
"""


@pytest.fixture(scope="module")
def stack(aws: Faults, runtime: Access, preprod: Names) -> Stack:
    aws.inject()
    body = zipped(app=_CODE)
    where = {"Bucket": preprod.staging_bucket, "Key": object_key(sha256_hex(body), "zip")}
    create_object(runtime, where["Bucket"], where["Key"], body)
    workshop = Workshop(runtime, preprod)
    # A client keeps the proxy and the endpoint that it was made with.
    client_of_one_try("lambda", runtime, smoke_tests.SECONDS_OF_A_TRY)
    return workshop.finish(workshop.name(), _api(where, preprod.boundary_arn))


def _api(where: dict[str, str], boundary: str) -> Template:
    properties = {
        "PermissionsBoundary": boundary,
        "Handler": "app.handler",
        "Runtime": "python3.11",
        "CodeUri": where,
        "Events": {"Any": {"Type": "HttpApi"}},
    }
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Echo": {"Type": "AWS::Serverless::Function", "Properties": properties}},
        "Outputs": {"ApiUrl": {"Value": _HTTP_URL}, "Empty": {"Value": ""}},
    }


def with_output(address: str) -> Stack:
    return Stack(
        stack_id="arn:aws:cloudformation:eu-central-1:222222222222:stack/acme-preprod-web/1",
        name="acme-preprod-web",
        status=StackStatus.CREATE_COMPLETE,
        reason="",
        outputs={"ApiUrl": address},
    )


def asking(path: str = "/", **more: Any) -> SmokeTest:
    return SmokeTest(http="ApiUrl", path=path, **more)


@pytest.fixture
def ask(runtime: Access, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a smoke test; HTTP goes straight to where AWS_ENDPOINT_URL points."""
    monkeypatch.delenv("http_proxy")
    return lambda stack, test: smoke_test.fn(runtime, stack, test)


@contextmanager
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Lambda takes invocations, which are listed, and does not answer."""
    invocations: list[str] = []
    over = threading.Event()

    def hang(question: Question, ask: Callable[[], Answer]) -> Answer | None:
        if not question.path.endswith("/invocations"):
            return ask()
        invocations.append(question.path)
        over.wait(60)
        return None

    with interceptor(hang) as url:
        monkeypatch.setenv("http_proxy", url)
        forget_clients()
        try:
            yield invocations
        finally:
            over.set()
            forget_clients()


def assert_nobody_came(listener: socket.socket) -> None:
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
