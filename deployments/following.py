"""Whether an environment follows GitHub by itself, as it has to where words are waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from tiercel.deployments.server import prefect_server
from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.organization.names import deployment_of
from tiercel.tasks.source.topology_file import demanding_approvals

FOLLOW_GITHUB = "follow-github"


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


def why_off(environment: str) -> str:
    """Return why nobody sees a word by itself, nothing if the schedule is on.

    Raises UnreachableError if no Prefect server can be asked.
    """
    return asyncio.run(_why_off(deployment_of(FOLLOW_GITHUB, environment)))


async def _switched_on(names: Iterable[str]) -> list[str]:
    async with prefect_server() as client:
        found = [(name, await _read(client, name)) for name in names]
        off = [(name, one) for name, one in found if one and not _is_on(one)]
        for _, one in off:
            for schedule in one.schedules:
                await client.update_deployment_schedule(one.id, schedule.id, active=True)
        return [name for name, one in off if one.schedules]


async def _why_off(name: str) -> str:
    async with prefect_server() as client:
        found = await _read(client, name)
    if found is None:
        return f"there is no deployment {name}"
    if found.paused:
        return f"{name} is paused"
    return "" if _is_on(found) else f"the schedule of {name} is off"


def _is_on(deployment: DeploymentResponse) -> bool:
    return any(one.active for one in deployment.schedules)


async def _read(client: PrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None
