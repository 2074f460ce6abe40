from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.sandbox.support import zipped
from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between
from tests.tasks.faults import (
    Answer,
    Faults,
    Question,
    error,
    interceptor,
    once,
    serving,
)
from tests.tasks.stacks import Template, Workshop
from tiercel.domain.artifact.manifest import object_key
from tiercel.domain.base.digests import sha256_hex
from tiercel.domain.base.errors import SmokeTestFailedError, TransientError, UnreachableError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import SmokeTest, StackSeed
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.smoke_tests import MAX_SHOWN
from tiercel.domain.stack.states import StackStatus
from tiercel.tasks.aws.clients import client_of_one_try, forget_clients
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.stack import smoke_tests
from tiercel.tasks.stack.seeds import seed_stack
from tiercel.tasks.stack.smoke_tests import smoke_test

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")

CODE = """
def handler(event, context):
    if event and "rawPath" in event:
        if event["rawPath"] == "/broken":
            return {"statusCode": 503, "body": "sorry"}
        return {"statusCode": 200, "body": '{"path": "%s", "more": [1, 2]}' % event["rawPath"]}
    if event and "raise" in event:
        raise ValueError("no such order: " + event["raise"])
    return event
"""
HTTP_URL = {"Fn::Sub": "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
GATEWAY = "https://abc123.execute-api.eu-central-1.amazonaws.com"


def api(where: dict[str, str], boundary: str) -> Template:
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
        "Outputs": {"ApiUrl": {"Value": HTTP_URL}, "Empty": {"Value": ""}},
    }


@pytest.fixture(scope="module")
def stack(aws: Faults, runtime: Access, preprod: Names) -> Stack:
    aws.inject()
    body = zipped(app=CODE)
    where = {"Bucket": preprod.staging_bucket, "Key": object_key(sha256_hex(body), "zip")}
    create_object(runtime, where["Bucket"], where["Key"], body)
    workshop = Workshop(runtime, preprod)
    # A client keeps the proxy and the endpoint that it was made with.
    client_of_one_try("lambda", runtime, smoke_tests.SECONDS_OF_A_TRY)
    return workshop.finish(workshop.name(), api(where, preprod.boundary_arn))


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


Ask = Callable[[Stack, SmokeTest], str]


@pytest.fixture
def ask(runtime: Access, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a smoke test; HTTP goes straight to where AWS_ENDPOINT_URL points."""
    monkeypatch.delenv("http_proxy")
    return lambda stack, test: smoke_test.fn(runtime, stack, test)


def failures(ask: Ask, cases: dict[str, tuple[Stack, SmokeTest]]) -> dict[str, str]:
    """Why each smoke test fails. They run side by side, as each is tried five times."""

    def why(stack: Stack, test: SmokeTest) -> str:
        with pytest.raises(SmokeTestFailedError) as failure:
            ask(stack, test)
        assert failure.value.what == f"the smoke test of {stack.name} failed"
        assert f"stack {stack.name}, account 222222222222" in failure.value.where
        assert failure.value.remedy
        return failure.value.why

    with ThreadPoolExecutor(len(cases)) as pool:
        running = {name: pool.submit(why, *case) for name, case in cases.items()}
        return {name: future.result() for name, future in running.items()}


@pytest.mark.parametrize("expect", [None, {"item": "tea"}, {"nested": {"deep": [1, {"a": None}]}}])
def test_an_invocation_that_answers_as_expected_passes(ask: Ask, stack: Stack, expect: Any) -> None:
    payload = {"item": "tea", "nested": {"deep": [1, {"a": None}]}}

    answer = ask(stack, SmokeTest(invoke="Echo", payload=payload, expect=expect))

    assert answer == '{"item": "tea", "nested": {"deep": [1, {"a": null}]}}'


def test_an_answer_longer_than_a_line_is_shown_in_part(ask: Ask, stack: Stack) -> None:
    answer = ask(stack, SmokeTest(invoke="Echo", payload={"text": "x" * 10_000}))

    assert len(answer) <= MAX_SHOWN + len(" ...")
    assert answer.endswith("xxx ...")


def test_a_resource_that_the_stack_does_not_have_is_named_at_once(ask: Ask, stack: Stack) -> None:
    with pytest.raises(SmokeTestFailedError) as failure:
        ask(stack, SmokeTest(invoke="Ehco"))

    assert failure.value.what == (
        "the smoke test names the resource Ehco, which the stack does not have"
    )
    assert "smoke_test.invoke" in failure.value.remedy


@pytest.mark.parametrize("output", ["ApiUri", "Empty"])
def test_an_output_that_the_stack_does_not_have_is_named_with_those_that_it_has(
    ask: Ask, stack: Stack, output: str
) -> None:
    with pytest.raises(SmokeTestFailedError) as failure:
        ask(stack, SmokeTest(http=output))

    assert f"the output {output}," in failure.value.what
    assert "ApiUrl" in failure.value.why
    assert "smoke_test.http" in failure.value.remedy


@pytest.mark.parametrize(
    "effect",
    [
        error("TooManyRequestsException", 429),
        error("EC2ThrottledException", 502),
        error("ServiceException", 500),
        error("ServiceUnavailable", 503),
        {"reset": True},
    ],
    ids=["throttled", "throttled-by-ec2", "ill", "unavailable", "reset"],
)
def test_an_invocation_that_lambda_is_too_busy_for_is_left_to_the_tasks_retries(
    faults: Faults, runtime: Access, stack: Stack, effect: dict[str, Any]
) -> None:
    test = SmokeTest(invoke="Echo", payload={})
    faults.inject(once("lambda", "Invoke", **effect))

    with pytest.raises(TransientError, match="cannot invoke Echo"):
        smoke_test.fn(runtime, stack, test)

    assert faults.fired() == ["Invoke"]
    assert smoke_test.fn(runtime, stack, test) == "{}"


@pytest.mark.parametrize("broken", [0, 5], ids=["closed", "cut-short"])
def test_a_seed_whose_connection_breaks_is_invoked_once_as_it_may_have_run(
    runtime: Access, stack: Stack, between: Between, broken: int
) -> None:
    invocations: list[str] = []

    def lose(question: Question, answer: Answer) -> Answer | None:
        if not question.path.endswith("/invocations"):
            return answer
        invocations.append(question.path)
        part = replace(answer, body=answer.body[:broken], claimed_length=len(answer.body))
        return part if broken else None

    seed = StackSeed(invoke="Echo", payload={"answer": "a long one"})
    with between(lose), pytest.raises(SmokeTestFailedError, check=because("seed.no_answer")):
        seed_stack.fn(runtime, stack, seed)

    assert len(invocations) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ServiceException", 500),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("504", 504),
    ],
)
def test_a_seed_that_lambda_itself_fails_at_is_invoked_once_as_it_may_have_run(
    faults: Faults, runtime: Access, stack: Stack, code: str, status: int
) -> None:
    faults.inject(once("lambda", "Invoke", **error(code, status)))

    with pytest.raises(SmokeTestFailedError, check=because("seed.no_answer")):
        seed_stack.fn(runtime, stack, StackSeed(invoke="Echo", payload={}))

    assert faults.fired() == ["Invoke"]


def test_a_function_that_does_not_answer_in_time_fails_after_five_invocations_and_a_seed_after_one(
    runtime: Access, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
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
            with pytest.raises(SmokeTestFailedError) as failure:
                smoke_test.fn(runtime, stack, SmokeTest(invoke="Echo"), seconds=1)
            asked = len(invocations)
            with pytest.raises(SmokeTestFailedError, check=because("seed.no_answer")):
                seed_stack.fn(runtime, stack, StackSeed(invoke="Echo"), seconds=1)
        finally:
            over.set()
            forget_clients()

    assert failure.value.why == "Echo did not answer within 1 seconds"
    assert (asked, len(invocations) - asked) == (5, 1), "it may still be at work"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("KMSAccessDeniedException", 502),
        ("SubnetIPAddressLimitReachedException", 502),
        ("InvalidRuntimeException", 502),
        ("EFSMountFailureException", 403),
        ("EFSMountTimeoutException", 408),
        ("SnapStartException", 400),
        ("ResourceConflictException", 409),
        ("ResourceNotFoundException", 404),
    ],
)
def test_a_function_that_lambda_cannot_run_is_tried_again(
    faults: Faults, runtime: Access, stack: Stack, code: str, status: int
) -> None:
    faults.inject(once("lambda", "Invoke", **error(code, status)))
    assert smoke_test.fn(runtime, stack, SmokeTest(invoke="Echo", payload={})) == "{}"
    faults.inject(once("lambda", "Invoke", **error(code, status)))
    assert seed_stack.fn(runtime, stack, StackSeed(invoke="Echo", payload={})) == "{}"

    assert faults.fired() == ["Invoke"]


def test_a_function_that_lambda_cannot_ever_run_fails_its_smoke_test(
    faults: Faults, runtime: Access, stack: Stack
) -> None:
    broken = once("lambda", "Invoke", **error("KMSAccessDeniedException", 502))
    faults.inject(broken | {"times": 100})

    with pytest.raises(SmokeTestFailedError) as failure:
        smoke_test.fn(runtime, stack, SmokeTest(invoke="Echo"))

    assert failure.value.why.startswith("Echo cannot run: KMSAccessDeniedException: ")
    assert faults.fired() == ["Invoke"] * 5


def test_an_answer_that_breaks_off_is_not_taken_for_the_answer(
    ask: Ask, stack: Stack, between: Between
) -> None:
    def cut(question: Question, answer: Answer) -> Answer:
        if not question.path.endswith("/invocations"):
            return answer
        half = answer.body[: len(answer.body) // 2]
        return replace(answer, body=half, claimed_length=len(answer.body))

    with between(cut), pytest.raises(TransientError, check=because("aws.no_answer")):
        ask(stack, SmokeTest(invoke="Echo", payload={"answer": "a long one"}))


def test_an_invocation_that_is_not_allowed_leaves_the_result_open(
    faults: Faults, runtime: Access, stack: Stack
) -> None:
    faults.inject(once("lambda", "Invoke", **error("AccessDeniedException", 403)))

    with pytest.raises(UnreachableError, match="not allowed to invoke Echo"):
        smoke_test.fn(runtime, stack, SmokeTest(invoke="Echo"))


def test_an_api_is_called_through_the_gateway_of_the_sandbox(ask: Ask, stack: Stack) -> None:
    answer = ask(stack, asking("/items", expect={"path": "/items"}))

    assert answer == '{"path": "/items", "more": [1, 2]}'
    assert "sorry" in ask(stack, asking("/broken", expect_status=503))


class Odd(BaseHTTPRequestHandler):
    """An API that answers in every way but the usual one."""

    redirect_to = ""
    sent = 0

    def do_GET(self) -> None:
        getattr(self, self.path.strip("/"))()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, b'{"host": "%s", "got": %s}' % (self.headers["Host"].encode(), body))

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def broken(self) -> None:
        self.answer(503, b"sorry")

    def text(self) -> None:
        self.answer(200, b"all is well \xff")

    def redirect(self) -> None:
        self.answer(302, b"", Location=self.redirect_to)

    def huge(self) -> None:
        self.send_response_only(200)
        self.end_headers()
        type(self).sent = 0
        try:
            for _ in range(1000):
                type(self).sent += self.wfile.write(b"x" * 100_000)
        except OSError:
            self.close_connection = True

    def endless(self) -> None:
        self.trickle(b"HTTP/1.1 200 OK\r\n\r\n", b"data\n")

    def dribbling(self) -> None:
        self.trickle(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")

    def processing(self) -> None:
        self.trickle(b"", b"HTTP/1.1 102 Processing\r\n\r\n")

    def trickle(self, first: bytes, again: bytes) -> None:
        try:
            self.wfile.write(first)
            while True:
                self.wfile.write(again)
                time.sleep(0.02)
        except OSError:
            self.close_connection = True

    def dropped(self) -> None:
        self.close_connection = True

    def deep(self) -> None:
        self.answer(200, b"[" * 100_000)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def odd(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Addresses of AWS's gateways lead to an API that answers oddly."""
    with serving(Odd) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield ask


def test_a_post_carries_its_payload_and_the_apis_own_host(odd: Ask) -> None:
    test = asking("/items", method="POST", payload={"item": "tea"}, expect={"got": {"item": "tea"}})

    assert GATEWAY.removeprefix("https://") in odd(with_output(GATEWAY), test)


def test_an_answer_that_is_no_json_is_text(odd: Ask) -> None:
    assert "all is well" in odd(with_output(GATEWAY), asking("/text"))
    assert odd(with_output(GATEWAY), asking("/deep")).startswith('"[[[')


def test_a_huge_answer_is_cut_off(odd: Ask) -> None:
    answer = odd(with_output(GATEWAY), asking("/huge"))

    assert len(answer) <= MAX_SHOWN + len(" ...")
    assert Odd.sent < 50_000_000


@pytest.mark.usefixtures("odd")
def test_an_answer_that_never_ends_is_cut_off() -> None:
    started = time.monotonic()

    status, body = smoke_tests._request(asking(), f"{GATEWAY}/endless", 2)

    assert time.monotonic() - started < 10
    assert status == 200
    assert body.startswith("data\n")


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("path", ["dribbling", "processing"])
def test_an_answer_whose_headers_never_end_is_not_waited_for(path: str) -> None:
    started = time.monotonic()

    with pytest.raises(TimeoutError, match=r"no answer within 0\.3 seconds"):
        smoke_tests._request(asking(), f"{GATEWAY}/{path}", 0.3)

    assert time.monotonic() - started < 5


def test_smoke_tests_that_fail_say_what_came_and_what_was_expected(odd: Ask, stack: Stack) -> None:
    web, invoked = with_output(GATEWAY), {"payload": {"status": 201}}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Odd.redirect_to = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        why = failures(
            odd,
            {
                "value": (stack, SmokeTest(invoke="Echo", expect={"status": 200}, **invoked)),
                "missing": (stack, SmokeTest(invoke="Echo", expect={"code": 201}, **invoked)),
                "raised": (stack, SmokeTest(invoke="Echo", payload={"raise": "seven"})),
                "broken": (web, asking("/broken")),
                "redirect": (web, asking("/redirect")),
                "text": (web, asking("/text", expect={"ok": True})),
                "huge": (web, asking("/huge", expect={"ok": True})),
                "deep": (web, asking("/deep", expect={"ok": True})),
                "dropped": (web, asking("/dropped")),
            },
        )
        assert_nobody_came(listener)

    assert why["value"] == "answer.status is 201, expected 200"
    assert why["missing"] == "answer.code is missing"
    assert "Echo raised an error" in why["raised"]
    assert "no such order: seven" in why["raised"]
    assert why["broken"] == f'{GATEWAY}/broken answered 503, expected 200: "sorry"'
    assert "/redirect answered 302, expected 200" in why["redirect"]
    assert why["text"] == 'answer is "all is well \\ufffd", expected {"ok": true}'
    assert why["huge"].startswith('answer is "xxx')
    assert len(why["huge"]) < 2 * MAX_SHOWN
    assert why["deep"].startswith('answer is "[[[')
    assert "/dropped did not answer" in why["dropped"]


def assert_nobody_came(listener: socket.socket) -> None:
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


NOT_PUBLIC = "is not a public address"
REFUSED = {
    "https://127.0.0.1:{port}": NOT_PUBLIC,
    "https://127.1:{port}": NOT_PUBLIC,
    "https://2130706433:{port}": NOT_PUBLIC,
    "https://0x7f.0.0.1:{port}": NOT_PUBLIC,
    "https://0.0.0.0:{port}": NOT_PUBLIC,
    "https://localhost:{port}": NOT_PUBLIC,
    "https://[::1]:{port}": NOT_PUBLIC,
    "https://[::ffff:127.0.0.1]:{port}": NOT_PUBLIC,
    "https://user:password@127.0.0.1:{port}": NOT_PUBLIC,
    "https://8.8.8.8@127.0.0.1:{port}": NOT_PUBLIC,
    "https://8.8.8.8\\@127.0.0.1:{port}": NOT_PUBLIC,
    "HTTPS://127.0.0.1:{port}/a/b?c=d": NOT_PUBLIC,
    "https://169.254.169.254/latest/meta-data": NOT_PUBLIC,
    "https://169.254.170.2/v2/credentials": NOT_PUBLIC,
    "https://[fd00:ec2::254]": NOT_PUBLIC,
    "https://[fe80::1]": NOT_PUBLIC,
    "https://10.0.0.1": NOT_PUBLIC,
    "https://172.16.0.1": NOT_PUBLIC,
    "https://192.168.0.1": NOT_PUBLIC,
    "https://100.64.0.1": NOT_PUBLIC,
    "http://127.0.0.1:{port}": "only https",
    "http://169.254.169.254/latest/meta-data": "only https",
    "http://8.8.8.8": "only https",
    "127.0.0.1:{port}": "only https",
    "//127.0.0.1:{port}": "only https",
    "file:///etc/passwd": "only https",
    "ftp://127.0.0.1:{port}": "only https",
    "not an address": "only https",
    "https://[::1": "Invalid port",
    "https://127.0.0.1:99999": "",
    "https://127.0.0.1:{port}\n.amazonaws.com": "non-printable",
    "https://a..b": "",
    "https://" + "a" * 70 + ".example": "",
    "https://\u2460\u2461\u2466.0.0.1:{port}": "IDNA",
    "https://\ud800.example": "IDNA",
}


@pytest.mark.parametrize(("address", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_no_address_makes_the_worker_call_itself_its_network_or_the_metadata_service(
    ask: Ask, address: str, reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = address.replace("{port}", str(listener.getsockname()[1]))

        with pytest.raises(SmokeTestFailedError) as failure:
            ask(with_output(url), asking("/path"))

        assert_nobody_came(listener)
    assert failure.value.what == "the address in the output ApiUrl is not called"
    assert reason in failure.value.why
    assert "https" in failure.value.remedy


def resolving(*addresses: str) -> Callable[..., Any]:
    def resolve(_name: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "https://abc123.execute-api.eu-central-1.amazonaws.com.example.invalid",
        "https://abc123.execute-api.eu-central-1.example.invalid",
        "https://a.b.execute-api.eu-central-1.amazonaws.com.invalid",
        "https://example.invalid#.execute-api.eu-central-1.amazonaws.com",
    ],
)
def test_only_awss_own_gateways_are_looked_for_in_the_sandbox(address: str) -> None:
    url, _, _ = smoke_tests._target(address, resolving("93.184.216.34"))

    assert url.startswith("https://93.184.216.34")


def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_that_was_given() -> (
    None
):
    url, headers, extensions = smoke_tests._target(
        "https://shop.example.com:8443/items?page=1", resolving("93.184.216.34", "93.184.216.35")
    )

    assert url == "https://93.184.216.34:8443/items?page=1"
    assert headers == {"Host": "shop.example.com:8443"}
    assert extensions == {"sni_hostname": "shop.example.com"}


def test_a_name_that_also_leads_inside_is_refused() -> None:
    with pytest.raises(ValueError, match=NOT_PUBLIC):
        smoke_tests._target("https://shop.example.com", resolving("93.184.216.34", "10.0.0.1"))


@pytest.mark.parametrize(
    "address",
    ["::ffff:100.64.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a00:1::1", "224.0.0.1"],
)
def test_an_address_inside_that_is_written_in_another_way_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=NOT_PUBLIC):
        smoke_tests._target("https://shop.example.com", resolving(address))


def test_a_public_address_of_ipv6_is_called() -> None:
    for address in ("2606:4700::1111", "::ffff:93.184.216.34"):
        url, _, _ = smoke_tests._target("https://shop.example.com", resolving(address))
        assert url == f"https://[{address}]"


def test_a_name_is_checked_in_the_form_in_which_it_is_called() -> None:
    asked: list[str] = []

    def resolve(name: str, port: int, **_: Any) -> Any:
        asked.append(name)
        return resolving("93.184.216.34")(name, port)

    _, headers, extensions = smoke_tests._target("https://fa\u00df.example", resolve)

    assert [headers["Host"], extensions["sni_hostname"]] == asked * 2
