"""Brings everything to a Prefect server: work pools, deployments, automations."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from tiercel.deployments.installation import PROCESS, process_template
from tiercel.deployments.prefect_file import PrefectFile
from tiercel.deployments.server import prefect_server
from tiercel.deployments.up.automations import automations
from tiercel.deployments.up.changes import ServerChange, server_change
from tiercel.deployments.up.deploying import Schedule, deploy_all
from tiercel.domain.base.errors import ConfigurationError


@dataclass(frozen=True)
class Installed:
    """What the server has now: what became of each thing, and every schedule."""

    changes: list[ServerChange]
    schedules: list[Schedule]


def install(file: PrefectFile, *, pool_type: str, notify: str | None) -> Installed:
    """Create or update everything on the server of PREFECT_API_URL; repeatable.

    Schedules that exist stay as they are, and so does what a person switched in Prefect: a paused
    deployment, a disabled automation. A process work pool gets Prefect's own template again, a
    work pool of another type is left alone. `notify` is a notification block,
    as TYPE/NAME. Raises ConfigurationError and UnreachableError.
    """
    return asyncio.run(_install(file, pool_type, notify))


async def _install(file: PrefectFile, pool_type: str, notify: str | None) -> Installed:
    async with prefect_server() as client:
        block = await _notification_block(client, notify) if notify else None
        pools = [await _ensure_pool(client, name, pool_type) for name in file.pools]
        deployed, schedules = await deploy_all(client, file)
        rules = [await _ensure_automation(client, one) for one in automations(block)]
        return Installed([*pools, *deployed, *rules], schedules)


async def _ensure_pool(client: PrefectClient, name: str, pool_type: str) -> ServerChange:
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        template = await get_default_base_job_template_for_infrastructure_type(pool_type)
        if template is None:
            raise ConfigurationError(
                "deployments.no_pool_type",
                f"there is no type of work pool called {pool_type!r}",
                where=f"work pool {name}",
                state="nothing was deployed",
                remedy="name one of `prefect worker start --help`, and install its package",
            ) from None
        await client.create_work_pool(
            WorkPoolCreate(
                name=name,
                type=pool_type,
                base_job_template=template,
                description=f"Workers with the credentials of {name}'s operator, of no other.",
            )
        )
        return server_change("work pool", name, None, {})
    if pool.type != PROCESS:
        return server_change("work pool", name, {}, {})
    # Workers refuse runs under any other template, also under one that an older Prefect made.
    template = process_template()
    if pool.base_job_template != template:
        await client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
    before = {"base_job_template": pool.base_job_template}
    return server_change("work pool", name, before, {"base_job_template": template})


async def _notification_block(client: PrefectClient, name: str) -> UUID:
    block_type, _, block = name.partition("/")
    try:
        return (await client.read_block_document_by_name(block, block_type)).id
    except ObjectNotFound:
        raise ConfigurationError(
            "deployments.no_notification_block",
            f"there is no notification block {name!r}",
            where="--notify",
            state="nothing was deployed",
            remedy="create it in Prefect (Blocks), and name it as TYPE/NAME, "
            "such as slack-webhook/releases",
        ) from None


async def _ensure_automation(client: PrefectClient, wanted: AutomationCore) -> ServerChange:
    found = await client.read_automations_by_name(wanted.name)
    if not found:
        await client.create_automation(wanted)
        return server_change("automation", wanted.name, None, {})
    before = found[0]
    wanted.enabled = before.enabled
    known = _facts(before)
    if known != _facts(wanted):
        # A field at its default would not be sent, and the server would keep the old value.
        everything = AutomationCore.model_validate(wanted.model_dump())
        await client.update_automation(before.id, everything)
    return server_change("automation", wanted.name, known, _facts(wanted))


def _facts(automation: AutomationCore) -> dict[str, Any]:
    """Return what an automation does, without the ids that the server gave its parts."""
    facts = automation.model_dump(
        mode="json", include={"name", "description", "enabled", "trigger", "actions"}
    )
    for part in (facts["trigger"], *facts["actions"]):
        part.pop("id", None)
    for key in ("after", "expect", "for_each"):
        facts["trigger"][key] = sorted(facts["trigger"][key])
    return facts
