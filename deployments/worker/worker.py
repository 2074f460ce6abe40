"""A worker of a process work pool: its runs start quickly, and none is lost when it is stopped.

Prefect's own `prefect worker start` kills its runs when it gets SIGTERM and leaves them
"Running". This one stops taking runs, gives those it has some time to end, and hands the
others over: they become "AwaitingRetry", and the next worker of the pool goes on with them.

    tiercel worker preprod --limit 2 --drain-seconds 60
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
from prefect.logging import get_logger
from prefect.settings import get_current_settings

from tiercel.deployments.installation import Installation
from tiercel.deployments.worker.handing_over import HandingOverWorker
from tiercel.deployments.worker.warm_runs import warm_runs
from tiercel.tasks.engine.garbage import then_work
from tiercel.tasks.engine.secrecy import make_unreadable

_POLL_SECONDS = 0.2
_SAFE_PATH = "PYTHONSAFEPATH"
"""What `python -P` is, for every Python that is started from here."""


def execute_runs(
    pool: str, name: str | None, limit: int, drain_seconds: float, installation: Installation
) -> None:
    """Execute the runs of a work pool, `limit` at a time, until SIGTERM or SIGINT.

    Only those of `installation`; others are refused. Then they have `drain_seconds` to end.
    Neither this process nor those of the runs look for code in the folder that they stand in, and
    no other process of their user reads what they know.
    """
    make_unreadable()
    os.environ[_SAFE_PATH] = "1"
    worker = HandingOverWorker(
        work_pool_name=pool,
        name=name,
        limit=limit,
        create_pool_if_not_found=False,
        installation=installation,
    )
    then_work()
    with warm_runs():
        asyncio.run(work(worker, drain_seconds))


async def work(worker: HandingOverWorker, drain_seconds: float) -> None:
    """Execute runs until SIGTERM or SIGINT, then return when none is left here.

    A server that does not answer ends nothing: runs go on, and the worker asks again. After
    any other failure it drains as well, and raises it.
    """
    settings, logger = get_current_settings().worker, get_logger("tiercel.worker")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with worker:
        stopped = asyncio.create_task(stop.wait())
        polling = _repeated(logger, worker.get_and_submit_flow_runs, settings.query_seconds)
        beating = _repeated(logger, worker.sync_with_backend, settings.heartbeat_seconds)
        logger.info("worker %s takes runs of the work pool", worker.name)
        await asyncio.wait([stopped, polling, beating], return_when=asyncio.FIRST_COMPLETED)
        logger.info("no new runs; waiting for %d to end", worker.limiter.borrowed_tokens)
        polling.cancel()
        await _drain(worker, drain_seconds, logger)
        for task in (stopped, beating, polling):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    logger.info("worker %s stopped", worker.name)


async def _drain(worker: HandingOverWorker, seconds: float, logger: logging.Logger) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(_idle(worker), seconds)
        return
    logger.info("handing over %d runs to the next worker", worker.limiter.borrowed_tokens)
    worker.hand_over()
    await _idle(worker)


async def _idle(worker: HandingOverWorker) -> None:
    while worker.limiter.borrowed_tokens:  # noqa: ASYNC110 - the limiter tells nobody
        await asyncio.sleep(_POLL_SECONDS)


def _repeated(
    logger: logging.Logger, action: Callable[[], Awaitable[object]], seconds: float
) -> asyncio.Task[None]:
    async def repeat() -> None:
        while True:
            try:
                await action()
            except httpx.HTTPError as error:
                logger.warning("the Prefect server: %s: %s", type(error).__name__, error)
            await asyncio.sleep(seconds)

    return asyncio.create_task(repeat())
