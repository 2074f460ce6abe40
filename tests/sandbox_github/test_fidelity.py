from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.github.journal import Exchange
from tests.sandbox_github.conftest import HERE, SUMMARY
from tests.sandbox_github.description import UnavailableError, load_api, load_webhooks
from tests.sandbox_github.fidelity import ApiChecker, WebhookChecker, check_all
from tests.sandbox_github.support import Place, StandIn, eventually
from tests.sandbox_github.webhook_receiver import WebhookReceiver

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


def exchange(**more: Any) -> Exchange:
    plain = Exchange(
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


@pytest.fixture
def lived(stand_in: StandIn, receiver: WebhookReceiver, tmp_path: Path) -> Place:
    """Do enough that there is something to check when this module runs alone."""
    place = Place.create(stand_in, tmp_path)
    config = {"url": f"{receiver.url}/{place.name}", "content_type": "json"}
    place.repo("releaser").create_hook("web", config, ["*"], active=True)
    pull = place.pull("feature", {"a.txt": "a\n"})
    pull.create_issue_comment("Hello")
    place.repo().get_commit(pull.head.sha).create_status("success", context="ci")
    pull.merge()
    place.repo().create_git_release("v1", "First", "")
    eventually(lambda: receiver.at(f"/{place.name}", "release"))
    return place


@pytest.mark.usefixtures("lived")
def test_everything_that_was_seen_is_as_github_describes_it(
    seen: list[Exchange], api_description: Any, pytestconfig: pytest.Config
) -> None:
    verdict = check_all(ApiChecker(api_description), list(seen))
    pytestconfig.stash.setdefault(SUMMARY, []).append(
        f"GitHub OpenAPI: {len(verdict.operations)} operations, {verdict.responses} responses, "
        f"{verdict.requests} requests validated, {len(verdict.violations)} violations"
    )
    assert sorted(set(verdict.violations))[:20] == []
    assert verdict.responses > 0


def test_every_operation_that_is_modelled_was_used(
    stand_in: StandIn, seen: list[Exchange], request: pytest.FixtureRequest
) -> None:
    ran = {item.path for item in request.session.items}
    in_parts = "PYTEST_XDIST_WORKER" in os.environ or request.config.option.keyword
    if in_parts or not set(HERE.glob("test_*.py")) <= ran:
        pytest.skip("only a part of the tests here ran in this process")
    used = {(item.method, item.operation) for item in seen if item.status < 300}
    modelled = {(route.method, route.template) for route in stand_in.api_routes}
    assert modelled - used == set()


@pytest.mark.usefixtures("lived")
def test_every_webhook_that_was_sent_is_as_github_describes_it(
    receiver: WebhookReceiver, webhook_description: Any, pytestconfig: pytest.Config
) -> None:
    checker = WebhookChecker(webhook_description)
    for item in receiver.delivered:
        if item.headers["content-type"] == "application/json":
            checker.check(item.event, item.headers, item.payload)
    verdict = checker.verdict
    pytestconfig.stash.setdefault(SUMMARY, []).append(
        f"GitHub webhooks: {len(verdict.operations)} events, {verdict.responses} deliveries "
        f"validated, {len(verdict.violations)} violations"
    )
    assert sorted(set(verdict.violations))[:20] == []
    assert verdict.responses > 0
