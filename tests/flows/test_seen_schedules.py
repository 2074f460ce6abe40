"""What is read of a schedule without Prefect, and when Prefect's own client has to be asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tiercel.deployments.seen_schedules import (
    NotAnsweredError,
    SeenSchedule,
    seen_schedule,
    why_off,
)

NAME = "follow-github/follow-github-prod"


@contextmanager
def server(status: int, document: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{running.server_port}/api")
        try:
            yield asked
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("paused", "active", "why"),
    [
        (False, [False, True], ""),
        (False, [False], f"the schedule of {NAME} is off"),
        (False, [], f"the schedule of {NAME} is off"),
        (True, [True], f"{NAME} is paused"),
    ],
)
def test_a_schedule_is_read_with_the_credentials_of_prefects_client(
    monkeypatch: pytest.MonkeyPatch, *, paused: bool, active: list[bool], why: str
) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "a:b")
    document = {"paused": paused, "schedules": [{"active": one} for one in active]}
    with server(200, document, monkeypatch) as asked:
        assert why_off(NAME, seen_schedule(NAME)) == why
    assert asked == [f"/api/deployments/name/{NAME} Basic YTpi"]


def test_a_deployment_that_is_not_there_is_told_apart_from_a_server_that_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with server(404, {"detail": "Deployment not found"}, monkeypatch):
        assert why_off(NAME, seen_schedule(NAME)) == f"there is no deployment {NAME}"
    with server(404, {"detail": "Not Found"}, monkeypatch), pytest.raises(NotAnsweredError):
        seen_schedule(NAME)


@pytest.mark.parametrize("status", [200, 401, 500])
def test_what_is_no_answer_is_left_to_prefects_client(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(status, {"more": 1}, monkeypatch), pytest.raises(NotAnsweredError):
        seen_schedule(NAME)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PREFECT_API_URL", ""), ("PREFECT_CLIENT_CUSTOM_HEADERS", "{}")],
)
def test_a_server_that_is_reached_another_way_is_not_asked(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"paused": False, "schedules": [{"active": True}]}
    with server(200, document, monkeypatch) as asked:
        assert seen_schedule(NAME) == SeenSchedule(is_paused=False, is_on=True)
        monkeypatch.setenv(name, value)
        with pytest.raises(NotAnsweredError):
            seen_schedule(NAME)
    assert len(asked) == 1
