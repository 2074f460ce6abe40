"""What a server has before and after `tiercel up`, as values that can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse

_COMPARED = {
    "concurrency_options",
    "description",
    "enforce_parameter_schema",
    "entrypoint",
    "job_variables",
    "parameter_openapi_schema",
    "parameters",
    "paused",
    "pull_steps",
    "tags",
    "version",
    "work_pool_name",
}


@dataclass(frozen=True)
class ServerChange:
    """One thing of the server and what became of it: created, updated or unchanged."""

    kind: str
    name: str
    what: str


def server_change(
    kind: str, name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> ServerChange:
    """Return the change between two states of one thing; None stands for absent."""
    if before is None:
        return ServerChange(kind, name, "created")
    differing = sorted(key for key in after if before.get(key) != after[key])
    return ServerChange(
        kind, name, f"updated: {', '.join(differing)}" if differing else "unchanged"
    )


def facts_of(deployment: DeploymentResponse) -> dict[str, Any]:
    """Return what a person can choose about a deployment, without ids and times."""
    facts = deployment.model_dump(mode="json", include=_COMPARED)
    limit = deployment.global_concurrency_limit
    return facts | {
        "concurrency_limit": limit.limit if limit else None,
        "tags": sorted(deployment.tags),
        "schedules": [
            {
                "slug": schedule.slug,
                "schedule": schedule.schedule.model_dump(mode="json", exclude={"anchor_date"}),
                "active": schedule.active,
                "parameters": schedule.parameters,
            }
            for schedule in sorted(deployment.schedules, key=schedule_place)
        ],
    }


def schedule_place(schedule: DeploymentSchedule) -> tuple[str, str]:
    """Return what schedules are compared in the order of: of those without slug, when they run."""
    return schedule.slug or "", repr(schedule.schedule)
