"""What is only shown in Prefect, and cannot be, takes nothing from the run."""

from __future__ import annotations

import asyncio
import logging

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.tasks.faults import free_port
from tiercel.flows.engine.concurrency import call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.engine.naming import tag_flow_run
from tiercel.tasks.engine.progress import Progress
from tiercel.tasks.engine.task import world_task

KEY = "progress-of-a-test"


@world_task("waits")
def waits_and_loses_its_bar() -> str:
    bar = Progress(KEY, "how far it is", after_seconds=0)
    bar.show(1, 10)
    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[KEY]))
        for artifact in client.read_artifacts(artifact_filter=wanted):
            client.delete_artifact(artifact.id)
    for done in range(2, 10):
        bar.show(done, 10)
    return "the stack is up"


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


def warnings(run_log: list[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in run_log if record.levelno == logging.WARNING]


def test_a_wait_whose_progress_cannot_be_shown_warns_once_and_goes_on(
    run_log: list[logging.LogRecord],
) -> None:
    assert asyncio.run(waiting("acme/shop", "develop")) == "the stack is up"

    (warning,) = warnings(run_log)
    assert warning.startswith("Prefect does not take how far the wait has come: ")


def test_a_run_that_cannot_be_tagged_warns_and_goes_on(run_log: list[logging.LogRecord]) -> None:
    assert asyncio.run(tagged("acme/shop", "develop")) == "the run goes on"

    (warning,) = warnings(run_log)
    assert warning.startswith("Prefect does not take the tags of the run: ")
