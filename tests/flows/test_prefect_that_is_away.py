"""What is only shown in Prefect, and cannot be, takes nothing from the run."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from tests.tasks.faults import free_port
from tiercel.flows.engine import artifacts
from tiercel.flows.engine.artifacts import show_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.tasks.engine.progress import Progress
from tiercel.tasks.engine.task import world_task

KEY = "progress-of-a-test"
_PATIENCE = 20.0


def wait_until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@world_task("waits")
def waits_and_loses_its_bar() -> str:
    bar = Progress(KEY, "how far it is", after_seconds=0)
    bar.show(1, 10)
    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[KEY]))
        wait_until(lambda: client.read_artifacts(artifact_filter=wanted))
        for artifact in client.read_artifacts(artifact_filter=wanted):
            client.delete_artifact(artifact.id)
    for done in range(2, 10):
        bar.show(done, 10)
    wait_until(lambda: bar._given_up)
    return "the stack is up"


class Held(Progress):
    """A bar that Prefect takes only when it is let go."""

    def __init__(self) -> None:
        super().__init__(KEY, "how far it is", after_seconds=0)
        self.let_go = threading.Event()
        self.drawn: list[float] = []

    def _draw(self, percent: float) -> None:
        self.drawn.append(percent)
        self.let_go.wait(_PATIENCE)


@world_task("waits beside")
def waits_beside(bar: Held) -> list[float]:
    for done in range(1, 10):
        bar.show(done, 10)
    while_held = list(bar.drawn)
    bar.let_go.set()
    wait_until(lambda: not bar._is_drawing)
    return while_held


@lifecycle_flow("waiting beside", "wait", "preprod")
async def waiting_beside(repository: str, commit: str) -> list[list[float]]:  # noqa: ARG001
    bar = Held()
    return [await call(waits_beside, bar), bar.drawn]


@lifecycle_flow("waiting", "wait", "preprod")
async def waiting(repository: str, commit: str) -> str:  # noqa: ARG001 - name of the run
    return await call(waits_and_loses_its_bar)


@lifecycle_flow("tagged", "tag", "preprod")
async def tagged(repository: str, commit: str) -> str:  # noqa: ARG001 - name of the run
    nobody = {PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}
    with temporary_settings(updates=nobody):
        # Another loop, so that it is not the client that the run has already.
        await asyncio.to_thread(lambda: asyncio.run(tag_flow_run("preprod")))
    return "the run goes on"


@lifecycle_flow("two pages", "show", "preprod")
async def two_pages(repository: str, commit: str, address: str) -> str:  # noqa: ARG001
    silent = {PREFECT_API_URL: address, PREFECT_CLIENT_MAX_RETRIES: 0}
    for patience in (0.1, 600.0):
        with temporary_settings(updates=silent | {PREFECT_API_REQUEST_TIMEOUT: patience}):
            # Another loop, so that it is not the client that the run has already.
            await asyncio.to_thread(lambda: asyncio.run(show_page("page", "of two", "text")))
    return "the run goes on"


def warnings(run_log: list[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in run_log if record.levelno == logging.WARNING]


def test_a_wait_whose_progress_cannot_be_shown_warns_once_and_goes_on(
    run_log: list[logging.LogRecord],
) -> None:
    assert asyncio.run(waiting("acme/shop", "develop")) == "the stack is up"

    (warning,) = warnings(run_log)
    assert warning.startswith("Prefect does not take how far the wait has come: ")


def test_a_prefect_that_does_not_answer_holds_no_wait_up() -> None:
    while_held, drawn = asyncio.run(waiting_beside("acme/shop", "develop"))
    assert set(while_held) <= {10.0}
    assert drawn[-1] == 90.0


def test_a_run_that_cannot_be_tagged_warns_and_goes_on(run_log: list[logging.LogRecord]) -> None:
    assert asyncio.run(tagged("acme/shop", "develop")) == "the run goes on"

    (warning,) = warnings(run_log)
    assert warning.startswith("Prefect does not take the tags of the run: ")


def test_only_the_first_page_waits_long_for_a_prefect_that_does_not_answer(
    run_log: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "_LATER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        assert asyncio.run(two_pages("acme/shop", "develop", address)) == "the run goes on"

    first, second = warnings(run_log)
    assert first.startswith("Prefect does not take the page page: ")
    assert second == "Prefect does not take the page page: it does not answer"
