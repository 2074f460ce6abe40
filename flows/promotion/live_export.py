"""What an environment has live is told to the one that it promotes from, which cannot look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from prefect import get_run_logger

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Records
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.topology import Topology
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.live_export import tell_what_is_live


@asynccontextmanager
async def telling_what_is_live(topology: Topology, target: ReleaseTarget) -> AsyncIterator[None]:
    """Tell it once the block has ended, also if one of its releases failed.

    What was released stays released if it cannot be told: the log says why, and the next run
    tells it.
    """
    try:
        yield
    except TiercelError:
        await _tell(topology, target)
        raise
    await _tell(topology, target)


async def _tell(topology: Topology, target: ReleaseTarget) -> None:
    names = target.names
    if not names.environment.promotes_from:
        return
    source = Names.of(topology, names.environment.promotes_from)
    access = replace(target.orchestrator, region=source.environment.region)
    theirs = Records(access, source.artifact_bucket)
    try:
        new = await call(tell_what_is_live, target.records, theirs, names, target.current_name)
    except TiercelError as error:
        get_run_logger().warning(
            "%s is not told what is live here: %s", source.environment.name, error
        )
        return
    if new:
        get_run_logger().info(
            "%s was told what is live here now: its retention keeps that", source.environment.name
        )
