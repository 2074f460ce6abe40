"""The stacks of an environment on demand go, those first that others do not use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from prefect import get_run_logger

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.ephemeral.environments import (
    EphemeralRecord,
    EphemeralState,
    OriginKind,
    deletion_waits,
    in_state,
)
from tiercel.domain.teardown.stack_deletion import DeletedStack
from tiercel.flows.engine.concurrency import all_done, call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.teardown.stack_deletion import StackDeletion, delete_one_stack
from tiercel.tasks.github.transport.asking import end_deployments
from tiercel.tasks.github.transport.credentials import has_credentials
from tiercel.tasks.records.ephemeral import change_environment

Told = Callable[[str, datetime, DeletedStack], Awaitable[object]]
"""What is awaited of each service whose stack is gone, and when its deletion began."""


async def take_down(
    target: ReleaseTarget, record: EphemeralRecord, *, express: bool, told: Told | None = None
) -> list[DeletedStack]:
    """Delete every stack of an environment, end its deployments on GitHub, and record it as gone.

    Nothing to do for what is gone already, so it may be repeated. Raises the failures of stacks
    that stay: then the environment stays in the state of going down.
    """
    deleted = await _delete_stacks(target, record, told, express=express)
    for one in deleted:
        for kept in one.retained:
            get_run_logger().warning("%s: still there: %s", one.stack, kept.line())
    await _tell_github(target, record)
    await call(
        change_environment, target.records, record.name,
        lambda found: in_state(found or record, EphemeralState.GONE, record.generation),
    )  # fmt: skip
    return deleted


async def _delete_stacks(
    target: ReleaseTarget, record: EphemeralRecord, told: Told | None, *, express: bool
) -> list[DeletedStack]:
    waits = deletion_waits(record)
    running: dict[str, asyncio.Task[DeletedStack]] = {}

    async def delete(service: str) -> DeletedStack:
        await asyncio.gather(*(running[one] for one in waits[service]))
        began = datetime.now(UTC)
        deleted = await delete_one_stack(
            StackDeletion(
                target=target,
                stack=target.names.stack(service),
                tags=target.names.stack_tags(service),
                key=target.run,
                express=express,
            )
        )
        if told:
            await told(service, began, deleted)
        return deleted

    # Who uses a stack comes after it in the order of their deployment.
    for service in reversed(record.services):
        running[service] = asyncio.create_task(delete(service), name=service)
    return await all_done(running.values())


async def _tell_github(target: ReleaseTarget, record: EphemeralRecord) -> None:
    """Leave it at a warning if GitHub does not take it: the stacks are gone.

    Nobody shows there what a drill brings up.
    """
    if record.origin is OriginKind.DRILL or not has_credentials():
        return
    try:
        title = target.names.title
        ended = await call(end_deployments, record.repository, title, "taken down")
    except TiercelError as error:
        get_run_logger().warning("the end of %s is not shown on GitHub: %s", record.name, error)
        return
    get_run_logger().info("%s: ended on GitHub too, deployments there: %d", record.name, ended)
