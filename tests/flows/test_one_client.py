from __future__ import annotations

import asyncio
import logging

import pytest
from prefect.context import SyncClientContext

from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.tasks.engine.task import world_task


@world_task("client of task")
def client_of_task() -> int:
    context = SyncClientContext.get()
    assert context
    return id(context.client)


@lifecycle_flow("one-client", "test", "preprod")
async def clients(repository: str, commit: str) -> list[int]:  # noqa: ARG001 - name of the run
    first = await call(client_of_task)
    return [first, *await each(range(3), lambda _: call(client_of_task))]


@pytest.mark.usefixtures("prefect_server")
def test_all_tasks_of_a_flow_share_one_client_of_prefects_server() -> None:
    assert len(set(asyncio.run(clients("acme/shop", "develop")))) == 1


def test_what_a_run_logs_is_filtered_to_its_last_line_and_no_longer(
    run_log: list[logging.LogRecord],
) -> None:
    loggers = [logging.getLogger(f"prefect.{kind}_runs") for kind in ("flow", "task")]
    before = [list(logger.filters) for logger in loggers]

    asyncio.run(clients("acme/shop", "develop"))

    said = [record.getMessage() for record in run_log]
    assert any(line.startswith("Beginning flow run") for line in said)
    assert not [line for line in said if line.startswith("Finished in state")]
    assert [list(logger.filters) for logger in loggers] == before
