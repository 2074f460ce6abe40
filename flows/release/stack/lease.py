"""One writer for each stack: the lease that a run holds from execute to record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from typing import TypeVar
from uuid import uuid4

from prefect import get_run_logger

from tiercel.domain.base.errors import LeaseLostError, TiercelError
from tiercel.domain.release.lease import Lease, is_trusted, renewal_seconds
from tiercel.flows.engine.concurrency import call, ended, signal_ends
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.lease import HeldLease, give_back_lease, renew_lease, take_lease
from tiercel.tasks.teardown.drill_records import read_open_drill, wait_for_drill

_R = TypeVar("_R")

_THREADS = 4


class StackLease:
    """The lease of one stack: taken when it is first needed, kept alive until it is given back.

    Prefect may execute a run twice, so the holder is the run and this process.
    """

    def __init__(self, target: ReleaseTarget, stack: str) -> None:
        """Take nothing yet. The task that makes it is ended by a signal that meets a renewal."""
        self._target = target
        whole = asyncio.current_task()
        self._whole = [whole] if whole else []
        self._wanted = Lease(
            stack=stack,
            holder=f"run {target.run}, process {uuid4().hex[:8]}",
            fencing=1,
            seconds=target.lease_seconds,
        )
        self._held: HeldLease | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._renewal = asyncio.Lock()

    @property
    def is_held(self) -> bool:
        """Whether it was taken and not given back; it may have been lost all the same."""
        return self._held is not None

    async def take(self) -> bool:
        """Wait for the lease; True if it is taken by this very call, False if it was held.

        While a drill is open, nobody but the drill has it. A drill opens first and takes the
        leases then: whoever has one and finds no drill open may use it.
        """
        if self._held:
            return False
        while True:
            self._held = await call(take_lease, self._target.records, self._wanted)
            self._renewing = asyncio.create_task(self._keep_alive())
            signal_ends(self._renewing, self._whole)
            if not await self._drill_is_open():
                return True
            await self.give_back()
            target = self._target
            await call(wait_for_drill, target.records, target.names.prefix, target.drill)

    async def _drill_is_open(self) -> bool:
        drill = await call(read_open_drill, self._target.records)
        own = self._target.drill
        return drill is not None and drill.stops(self._target.names.prefix, own)

    async def confirm(self) -> None:
        """Return if this run may change the stack now; LeaseLostError if another one took over.

        Whoever wakes after a long sleep renews first. Between this and the call that follows
        a process can still be stopped: then CloudFormation refuses a change set that the
        stack has outrun, and client tokens keep one operation from being started twice.
        """
        held = self._held
        if held is None:
            raise LeaseLostError(
                "lease.not_held", "the lease is not held", where=f"stack {self._wanted.stack}"
            )
        if not is_trusted(time.monotonic() - held.since, self._wanted.seconds):
            await self._renew()

    async def give_back(self) -> None:
        """Let the next writer in. Nothing of it fails: what is not given back runs out.

        SIGTERM that met a renewal is raised then.
        """
        try:
            if self._renewing:
                self._renewing.cancel()
                await ended([self._renewing])
        finally:
            held, self._held = self._held, None
            if held:
                await _let_go(held)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(renewal_seconds(self._wanted.seconds))
            try:
                await self._renew()
            except LeaseLostError:
                return  # whoever wants to change something next is told by `confirm`
            except TiercelError as error:
                get_run_logger().warning("the lease is not renewed yet: %s", error.what)

    async def _renew(self) -> None:
        async with self._renewal:
            if self._held:
                self._held = await _apart(renew_lease, self._held)


async def _let_go(held: HeldLease) -> None:
    try:
        await _apart(give_back_lease, held)
    except TiercelError as error:
        get_run_logger().warning("the lease is not given back and runs out: %s", error)


async def _apart(action: Callable[[HeldLease], _R], held: HeldLease) -> _R:
    """Run in a thread that no task can take: a renewal that has to queue comes too late."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), action, held)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="lease")


@asynccontextmanager
async def lease_of(target: ReleaseTarget, stack: str) -> AsyncIterator[StackLease]:
    """Give the lease of a stack, not taken yet; at the end it is given back, also by a failure."""
    lease = StackLease(target, stack)
    try:
        yield lease
    finally:
        await lease.give_back()
