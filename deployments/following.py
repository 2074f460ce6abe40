"""Whether an environment follows GitHub by itself, as it has to where words are waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from tiercel.deployments.seen_schedules import FOLLOW_GITHUB, SeenSchedule
from tiercel.deployments.server import prefect_server
from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.organization.names import deployment_of
from tiercel.tasks.source.topology_file import demanding_approvals


def switch_on(environments: Iterable[str]) -> list[str]:
    """Switch the schedules on of those that follow GitHub; return the deployments that were off.

    One that somebody has paused stays so. Raises UnreachableError.
    """
    names = [deployment_of(FOLLOW_GITHUB, one) for one in environments]
    return asyncio.run(_switched_on(names)) if names else []


def switch_on_for_worker(pool: str) -> None:
    """Switch the schedule on of a worker's environment if it demands approvals, and log that."""
    logger = logging.getLogger("prefect.tiercel.worker")
    try:
        for name in switch_on(one for one in demanding_approvals() if one == pool):
            logger.info("the schedule of %s is switched on: approvals are demanded", name)
    except UnreachableError as error:
        logger.warning("whether approvals are followed is not known: %s", error.what)


async def _switched_on(names: Iterable[str]) -> list[str]:
    async with prefect_server() as client:
        found = [(name, await _read(client, name)) for name in names]
        off = [(name, one) for name, one in found if one and not _is_on(one)]
        for _, one in off:
            for schedule in one.schedules:
                await client.update_deployment_schedule(one.id, schedule.id, active=True)
        return [name for name, one in off if one.schedules]


async def seen_by_prefect(name: str) -> SeenSchedule | None:
    """Return whether a deployment's schedule is on, None if there is none of the name.

    Raises UnreachableError if no server can be asked.
    """
    async with prefect_server() as client:
        found = await _read(client, name)
    return SeenSchedule(is_paused=found.paused, is_on=_is_on(found)) if found else None


def _is_on(deployment: DeploymentResponse) -> bool:
    return any(one.active for one in deployment.schedules)


async def _read(client: PrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None
