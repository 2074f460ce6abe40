from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from prefect.exceptions import TerminationSignal

from tests.support.aws import root_client
from tests.support.codes import because
from tiercel.domain.base.errors import InterruptedRunError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import Topology
from tiercel.domain.release.lease import lease_key
from tiercel.flows.drill.along import along
from tiercel.flows.engine.concurrency import (
    all_done,
    call,
    ended,
    in_dependency_order,
    signal_ends,
)
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.release.stack.lease import StackLease
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.engine.pace import pause, stoppable
from tiercel.tasks.engine.task import world_task

LONG_SECONDS = 60.0


def test_a_cancelled_run_does_not_wait_for_the_end_of_a_pause() -> None:
    waiting = world_task("look at the clock")(pause)

    async def cancelled() -> None:
        running = asyncio.create_task(call(waiting, LONG_SECONDS))
        await asyncio.sleep(0.1)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    began = time.monotonic()
    asyncio.run(cancelled())  # it ends only when the thread has ended

    assert time.monotonic() - began < LONG_SECONDS / 2


def test_a_pause_of_a_cancelled_run_says_what_to_do() -> None:
    with stoppable() as stop:
        stop.set()
        with pytest.raises(InterruptedRunError, check=because("run.cancelled")) as interrupted:
            pause(LONG_SECONDS)
    assert interrupted.value.remedy


def test_outside_of_a_run_a_pause_is_a_sleep() -> None:
    pause(0.01)


Work = Callable[[str], Awaitable[None]]


def side_by_side(work: Work) -> Awaitable[Any]:
    return all_done([work("orders"), work("catalog")])


def by_dependencies(work: Work) -> Awaitable[Any]:
    services = {
        name: Service(name=name, path=name, depends_on=needs)
        for name, needs in {"orders": (), "catalog": (), "web": ("orders", "catalog")}.items()
    }
    return in_dependency_order(services, lambda one, _: work(one.name))


def by_a_graph(work: Work) -> Awaitable[Any]:
    needs = {"orders": (), "catalog": (), "web": ("orders", "catalog")}
    return along({name: frozenset(before) for name, before in needs.items()}, work)


@pytest.mark.parametrize("together", [side_by_side, by_dependencies, by_a_graph])
def test_a_signal_that_meets_one_of_several_works_ends_the_others_and_the_run(
    together: Callable[[Work], Awaitable[Any]],
) -> None:
    """The main thread works in one of them when SIGTERM comes, which Prefect makes an exception."""
    begun, cancelled = [], []

    async def work(name: str) -> None:
        begun.append(name)
        try:
            await asyncio.sleep(0 if name == "orders" else LONG_SECONDS)
        except asyncio.CancelledError:
            cancelled.append(name)
            raise
        raise TerminationSignal(signal.SIGTERM)

    async def run() -> None:
        async with asyncio.timeout(LONG_SECONDS / 2):
            await together(work)

    with pytest.raises(TerminationSignal):
        asyncio.run(run())
    assert (set(begun), cancelled) == ({"orders", "catalog"}, ["catalog"])


def test_a_signal_that_meets_what_is_just_ended_is_raised_and_not_lost_with_the_rest() -> None:
    async def struck() -> None:
        try:
            await asyncio.sleep(LONG_SECONDS)
        finally:
            raise TerminationSignal(signal.SIGTERM)

    async def run() -> None:
        whole = asyncio.current_task()
        assert whole
        one = asyncio.create_task(struck())
        signal_ends(one, [whole])
        await asyncio.sleep(0)
        one.cancel()
        await ended([one])

    with pytest.raises(TerminationSignal):
        asyncio.run(run())


class Struck(StackLease):
    """A lease whose renewal the main thread is at when SIGTERM comes."""

    async def _renew(self) -> None:
        raise TerminationSignal(signal.SIGTERM)


def test_a_signal_that_meets_the_renewal_of_a_lease_ends_the_run_and_gives_the_lease_back(
    operator: Sandbox, topology: Topology
) -> None:
    stack = "acme-preprod-struck"
    target = replace(ReleaseTarget.of(topology, "preprod"), lease_seconds=0.3)

    async def run() -> None:
        lease = Struck(target, stack)
        try:
            await lease.take()
            await asyncio.sleep(LONG_SECONDS)
        finally:
            await lease.give_back()

    began = time.monotonic()
    with pytest.raises(TerminationSignal):
        asyncio.run(run())
    assert time.monotonic() - began < LONG_SECONDS / 2
    storage = root_client(operator, "preprod-infrastructure-root", "s3")
    kept = storage.get_object(Bucket=target.records.bucket, Key=lease_key(stack))["Body"].read()
    assert json.loads(kept)["released"]
