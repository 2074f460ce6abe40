"""The deployments of a prefect.yaml on a server, by Prefect's own command."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint

from tiercel.deployments.prefect_file import FILE_NAME, PrefectFile
from tiercel.deployments.up.changes import ServerChange, facts_of, server_change
from tiercel.deployments.up.former import handed_over, retire, same_schedule
from tiercel.domain.base.errors import ConfigurationError, UnreachableError
from tiercel.domain.organization.names import former_deployment
from tiercel.flows.engine.parameters import form_of
from tiercel.tasks.engine.processes import Command, Ending, run_command

_PATIENCE_SECONDS = 300
_LONGEST_REASON = 2000


@dataclass(frozen=True)
class Schedule:
    """A schedule of a deployment and whether it is switched on."""

    deployment: str
    slug: str
    when: str
    active: bool


async def deploy_all(
    client: PrefectClient, file: PrefectFile
) -> tuple[list[ServerChange], list[Schedule]]:
    """Deploy everything of the file; return what changed and the schedules that are there.

    What an earlier version had deployed under another name goes, and what somebody had chosen for
    it goes on under the new one. What somebody has paused or switched off stays so all the time,
    also if this is killed or fails. Raises ConfigurationError for an entrypoint that does not load,
    and for what Prefect refuses.
    """
    flows, old_names = {}, {}
    for entry in file.deployments:
        flow = _load(entry["entrypoint"])
        name = f"{flow.name}/{entry['name']}"
        flows[name] = flow
        old_names[name] = former_deployment(name, entry["work_pool"]["name"])
    before = {name: await _read(client, name) for name in flows}
    former = {
        name: found
        for name, old in old_names.items()
        if old not in flows and (found := await _read(client, old))
    }
    chosen = dict(before)
    for name, old in former.items():
        chosen[name] = await handed_over(client, old, name, before[name])
    await asyncio.to_thread(_run_prefect_deploy, file, [*chosen.values()])
    changes, schedules = [], []
    for name, flow in flows.items():
        known = before[name]
        now = await _finished(client, name, flow, chosen[name])
        changes.append(
            server_change("deployment", name, facts_of(known) if known else None, facts_of(now))
        )
        schedules += _schedules_of(name, now)
        if name in former:
            changes.append(await retire(client, old_names[name], former[name], name))
    return changes, schedules


def _load(entrypoint: str) -> Flow[..., Any]:
    try:
        return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    except Exception as error:
        raise ConfigurationError(
            "deployments.bad_entrypoint",
            "an entrypoint does not load",
            where=entrypoint,
            why=f"{type(error).__name__}: {error}",
            state="nothing was deployed",
            remedy=f"correct it in {FILE_NAME}: a module and the name of a flow in it",
        ) from error


async def _read(client: PrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _run_prefect_deploy(file: PrefectFile, chosen: Sequence[DeploymentResponse | None]) -> None:
    """Let Prefect's command deploy exactly these deployments, in a folder without others.

    Each has what was `chosen` of it, in the order of the file; None if it is new.
    """
    with tempfile.TemporaryDirectory(prefix="tiercel-up-") as folder:
        path = Path(folder) / FILE_NAME
        path.write_text(yaml.safe_dump(_as_chosen(_versioned(file), chosen)), "utf-8")
        arguments = ("deploy", "--all", "--prefect-file", str(path))
        ended = run_command(
            Command(
                (sys.executable, "-P", "-m", "prefect", "--no-prompt", *arguments),
                Path(folder),
                os.environ | {"PREFECT_LOGGING_COLORS": "false", "NO_COLOR": "1"},
                _PATIENCE_SECONDS,
            )
        )
    if ended.ending is not Ending.EXITED:
        raise UnreachableError(
            "deployments.not_ended",
            "Prefect's command was ended before it had deployed everything",
            where=str(file.path),
            why=ended.why,
            state="some of the deployments may be up to date",
            remedy="see how the server is, and run `tiercel up` again",
        )
    if ended.returncode:
        said = ended.stderr.strip() or ended.stdout.strip()
        raise ConfigurationError(
            "deployments.refused",
            "Prefect refuses to deploy",
            where=str(file.path),
            why=said.decode(errors="replace")[-_LONGEST_REASON:],
            remedy="the reason has Prefect's own words; run `tiercel up` again",
        )


def _versioned(file: PrefectFile) -> dict[str, Any]:
    """Return the document with Tiercel's version in each deployment that names none.

    Prefect would take the hash of the flow's file, or a commit from the variables of CI.
    """
    ours = {"version": metadata.version("tiercel"), "version_type": "prefect:simple"}
    return file.data | {"deployments": [ours | one for one in file.deployments]}


def _as_chosen(data: dict[str, Any], chosen: Sequence[DeploymentResponse | None]) -> dict[str, Any]:
    """Return the document with what somebody has paused or switched off, or on.

    Prefect takes what the file says before anything could be given back, and would start runs.
    """
    deployments = [
        entry if known is None else entry | _switches(entry, known)
        for entry, known in zip(data["deployments"], chosen, strict=True)
    ]
    return data | {"deployments": deployments}


def _switches(entry: Mapping[str, Any], known: DeploymentResponse) -> dict[str, Any]:
    active = {one.slug: one.active for one in known.schedules if one.slug}
    schedules = [
        one | {"active": active.get(one["slug"], one.get("active", True))}
        for one in entry.get("schedules") or ()
    ]
    return {"paused": known.paused} | ({"schedules": schedules} if schedules else {})


async def _finished(
    client: PrefectClient, name: str, flow: Flow[..., Any], before: DeploymentResponse | None
) -> DeploymentResponse:
    """Give a deployment its form, and back what a person had chosen; return it."""
    now = await client.read_deployment_by_name(name)
    # Prefect's client knows no schema that refuses unknown parameters, its server does.
    await client.request(
        "PATCH", "/deployments/{id}", path_params={"id": now.id},
        json={"parameter_openapi_schema": form_of(flow)},
    )  # fmt: skip
    if before:
        await _restore_schedules(client, before, now)
    return await client.read_deployment(now.id)


async def _restore_schedules(
    client: PrefectClient, before: DeploymentResponse, now: DeploymentResponse
) -> None:
    """Give the schedules back what they had: the file only says how a new one starts.

    If one of them has no slug, Prefect's server has deleted all that the file does not name.
    """
    known = {one.slug: one for one in before.schedules}
    for schedule in now.schedules:
        old = known.get(schedule.slug)
        if schedule.slug and old:
            await client.update_deployment_schedule(
                now.id,
                schedule.id,
                active=old.active,
                schedule=old.schedule,
                parameters=old.parameters,
                max_scheduled_runs=old.max_scheduled_runs,
            )
    left = {one.id for one in now.schedules}
    slugs = {one.slug for one in now.schedules if one.slug}
    lost = [one for one in before.schedules if one.id not in left and one.slug not in slugs]
    if lost:
        await client.create_deployment_schedules(now.id, [same_schedule(one) for one in lost])


def _schedules_of(name: str, deployment: DeploymentResponse) -> list[Schedule]:
    return [
        Schedule(name, one.slug or "", _when(one.schedule), one.active)
        for one in deployment.schedules
    ]


def _when(schedule: Any) -> str:
    for key in ("cron", "interval", "rrule"):
        if value := getattr(schedule, key, None):
            return f"{value} {getattr(schedule, 'timezone', None) or 'UTC'}"
    return "never"
