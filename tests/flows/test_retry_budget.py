from __future__ import annotations

import asyncio
import logging

import pytest

from tiercel.domain.base.errors import TransientError
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.tasks.engine.retry_budget import (
    RETRIES_OF_A_RUN,
    RetryBudget,
    one_try,
    retry_budget,
)
from tiercel.tasks.engine.task import world_task

tries: list[int] = []


@world_task("never answers")
def never_answers(number: int) -> None:
    tries.append(number)
    raise TransientError("test.reason", "nobody answers", where="a service that is down")


never_answers.task.retry_delay_seconds = [0.0] * 4


@lifecycle_flow("budget", "spend", "preprod")
async def spending(repository: str, commit: str) -> None:  # noqa: ARG001 - name of the run
    with retry_budget(5):
        await all_done(call(never_answers, number) for number in range(3))


def test_the_tasks_of_a_run_share_one_budget_of_retries(
    run_log: list[logging.LogRecord],
) -> None:
    tries.clear()
    with pytest.raises(TransientError):
        asyncio.run(spending("acme/shop", "develop"))

    assert len(tries) == 3 + 5
    assert any("used up its retries" in record.getMessage() for record in run_log)


@lifecycle_flow("once", "tell", "preprod")
async def telling(repository: str, commit: str) -> None:  # noqa: ARG001 - name of the run
    with one_try():
        await call(never_answers, 1)


@pytest.mark.usefixtures("prefect_server")
def test_what_is_only_told_is_tried_once() -> None:
    tries.clear()
    with pytest.raises(TransientError):
        asyncio.run(telling("acme/shop", "develop"))
    assert tries == [1]


def test_a_budget_is_spent_once_for_each_retry() -> None:
    budget = RetryBudget(2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_a_run_may_retry_more_often_than_a_single_task() -> None:
    assert never_answers.task.retries < RETRIES_OF_A_RUN
