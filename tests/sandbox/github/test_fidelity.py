from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sandbox.github.description import load_api, load_webhooks
from tests.sandbox.github.fidelity import ApiChecker, WebhookChecker, check_all
from tests.sandbox.github.tally import Tally, Watched, tally_of
from tests.support.npm_files import UnavailableError
from tiercel.sandbox.github.http.journal import ApiExchange

ONE = "/repos/{owner}/{repo}/git/ref/{ref}"
GOOD = {
    "ref": "refs/heads/main",
    "node_id": "x",
    "url": "http://localhost/",
    "object": {"type": "commit", "sha": "0" * 40, "url": "http://localhost/"},
}


@pytest.fixture(scope="module")
def api_description() -> Any:
    try:
        return load_api()
    except UnavailableError as reason:
        pytest.skip(f"GitHub's description of its API: {reason}")


@pytest.fixture(scope="module")
def webhook_description() -> Any:
    try:
        return load_webhooks()
    except UnavailableError as reason:
        pytest.skip(f"GitHub's description of its webhooks: {reason}")


def exchange(**more: Any) -> ApiExchange:
    plain = ApiExchange(
        time=datetime.now(UTC),
        duration_ms=1,
        method="GET",
        path="/api/v3/repos/o/r/git/ref/heads/main",
        operation=ONE,
        actor="author",
        status=200,
        fault="",
        request_id="1",
        response_body=json.dumps(GOOD).encode(),
    )
    return replace(plain, **more)


def body(**more: Any) -> bytes:
    return json.dumps(GOOD | more).encode()


def error(**more: Any) -> bytes:
    return json.dumps({"message": "m", "documentation_url": "d"} | more).encode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_body": body(ref=3)},
        {"response_body": b"{}"},
        {"response_body": body(object=None)},
        {"operation": "/repos/{owner}/{repo}/nothing"},
        {"method": "PATCH"},
        {"status": 418},
        {"status": 404, "response_body": error(message=3)},
        {"status": 422, "response_body": error(errors=[{"field": "x"}])},
        {"method": "POST", "operation": "/repos/{owner}/{repo}/git/refs", "status": 201},
        {
            "method": "POST",
            "operation": "/repos/{owner}/{repo}/git/refs",
            "status": 201,
            "request_body": b'{"ref": 1, "sha": "x"}',
        },
    ],
)
def test_what_github_would_not_say_is_found(api_description: Any, wrong: dict[str, Any]) -> None:
    assert check_all(ApiChecker(api_description), [exchange(**wrong)]).violations


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"status": 404, "response_body": error()},
        {"status": 401, "response_body": error()},
        {"status": 304, "response_body": b""},
        {"status": 500, "fault": "500", "response_body": b""},
    ],
)
def test_what_github_would_say_is_no_violation(api_description: Any, right: dict[str, Any]) -> None:
    assert not check_all(ApiChecker(api_description), [exchange(**right)]).violations


def test_a_wrong_webhook_is_found(webhook_description: Any) -> None:
    checker = WebhookChecker(webhook_description)
    checker.check("push", {}, {"ref": 1})
    checker.check("nothing", {}, {})
    assert len(checker.verdict.violations) > 2


ONE_PROCESS = Tally(
    operations=["GET /a"], responses=3, requests=1, events=["push"], deliveries=2,
    used=["GET /a"], modelled=["GET /a", "GET /b"],
)  # fmt: skip
ANOTHER = Tally(
    operations=["GET /a", "GET /b"], responses=1, used=["GET /b"], modelled=["GET /a", "GET /b"]
)


def test_what_several_processes_saw_is_added_up() -> None:
    whole = ONE_PROCESS.plus(ANOTHER)
    assert whole.lines() == [
        "GitHub OpenAPI: 2 operations, 4 responses, 1 requests validated, 0 violations",
        "GitHub webhooks: 1 events, 2 deliveries validated, 0 violations",
    ]
    assert whole.problems(complete=True) == []


def test_an_operation_that_no_process_used_fails_a_complete_session_only() -> None:
    assert ONE_PROCESS.problems(complete=True) == ["modelled, and never used: GET /b"]
    assert ONE_PROCESS.problems(complete=False) == []


def test_a_violation_fails_every_session() -> None:
    whole = ANOTHER.plus(Tally(violations=["wrong"], wrong_deliveries=["wrong too"]))
    assert whole.problems(complete=False) == ["wrong", "wrong too"]
    assert whole.lines()[0].endswith(" 1 violations")


def test_a_complete_session_in_which_nothing_was_validated_fails() -> None:
    assert Tally().problems(complete=True) == ["nothing was validated"]


def test_a_description_that_cannot_be_had_is_told_and_fails_nothing() -> None:
    whole = Tally().plus(Tally(unavailable="npm is not installed"))
    assert whole.lines() == ["GitHub OpenAPI: nothing validated: npm is not installed"]
    assert whole.problems(complete=True) == []


def test_what_is_seen_is_counted_by_operation(api_description: Any) -> None:
    assert api_description
    found = tally_of(Watched(exchanges=[exchange(), exchange(status=418)], modelled={"GET /b"}))
    assert (found.used, found.modelled) == ([f"GET {ONE}"], ["GET /b"])
    assert (found.operations, found.responses) == ([f"GET {ONE}"], 2)
    assert found.violations == [f"GET {ONE} -> 418: GitHub documents no such status"]
