from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures, smoke_fixtures
from tests.tasks.aws_fixtures import Between
from tests.tasks.faults import (
    Answer,
    Faults,
    Question,
    error,
    once,
    serving,
)
from tests.tasks.smoke_fixtures import (
    ERRORS_OF_A_FUNCTION,
    GATEWAY,
    Ask,
    asking,
    assert_nobody_came,
    hanging,
    with_output,
)
from tiercel.domain.base.errors import SmokeTestFailedError, TransientError, UnreachableError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.services import SmokeTest
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.smoke_tests import MAX_SHOWN
from tiercel.tasks.stack import smoke_tests
from tiercel.tasks.stack.smoke_tests import smoke_test

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between
stack = smoke_fixtures.stack
ask = smoke_fixtures.ask

pytestmark = pytest.mark.usefixtures("aws")


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


def test_a_function_that_does_not_answer_in_time_fails_after_five_invocations(
    runtime: Access, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hanging(monkeypatch) as invocations, pytest.raises(SmokeTestFailedError) as failure:
        smoke_test.fn(runtime, stack, SmokeTest(invoke="Echo"), seconds=1)

    assert failure.value.why == "Echo did not answer within 1 seconds"
    assert len(invocations) == 5


@pytest.mark.parametrize(("code", "status"), ERRORS_OF_A_FUNCTION)
def test_a_function_that_lambda_cannot_run_is_tried_again(
    faults: Faults, runtime: Access, stack: Stack, code: str, status: int
) -> None:
    faults.inject(once("lambda", "Invoke", **error(code, status)))

    assert smoke_test.fn(runtime, stack, SmokeTest(invoke="Echo", payload={})) == "{}"
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
