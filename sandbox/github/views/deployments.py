"""Statuses, deployments and environments, as GitHub shows them."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.sandbox.github.memory.activities import (
    Deployment,
    DeploymentEnvironment,
    DeploymentStatus,
    StatusRecord,
)
from tiercel.sandbox.github.memory.records import RepositoryRecord
from tiercel.sandbox.github.memory.world import JsonObject, World, node_id, timestamp
from tiercel.sandbox.github.views.repositories import minimal_repository
from tiercel.sandbox.github.views.users import simple_user


def status_view(world: World, repository: RepositoryRecord, record: StatusRecord) -> JsonObject:
    """Return a commit status."""
    return _short_status(world, repository, record) | {
        "creator": simple_user(world, record.creator)
    }


def combined_status(
    world: World, repository: RepositoryRecord, sha: str, latest: Sequence[StatusRecord]
) -> JsonObject:
    """Return what the latest status of every context makes together.

    https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
    """
    name, urls = repository.full_name, world.urls
    return {
        "state": combined_state(latest),
        "statuses": [_short_status(world, repository, record) for record in latest],
        "sha": sha,
        "total_count": len(latest),
        "repository": minimal_repository(world, repository),
        "commit_url": urls.repository(name, "commits", sha),
        "url": f"{urls.repository(name, 'commits', sha)}/status",
    }


def combined_state(latest: Sequence[StatusRecord]) -> str:
    """Return failure, pending or success; no status at all is pending."""
    states = {record.state for record in latest}
    if states & {"error", "failure"}:
        return "failure"
    return "pending" if "pending" in states or not states else "success"


def deployment(world: World, repository: RepositoryRecord, record: Deployment) -> JsonObject:
    """Return a deployment."""
    address = world.urls.repository(repository.full_name, "deployments", record.id)
    return {
        "url": address,
        "id": record.id,
        "node_id": node_id("Deployment", record.id),
        "task": record.task,
        "original_environment": record.environment,
        "environment": record.environment,
        "description": record.description,
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.updated_at),
        "statuses_url": f"{address}/statuses",
        "repository_url": world.urls.repository(repository.full_name),
        "creator": simple_user(world, record.creator),
        "sha": record.sha,
        "ref": record.ref,
        "payload": record.payload,
        "transient_environment": record.transient,
        "production_environment": record.production,
        "performed_via_github_app": None,
    }


def deployment_status(
    world: World, repository: RepositoryRecord, record: DeploymentStatus
) -> JsonObject:
    """Return a deployment's status."""
    address = world.urls.repository(repository.full_name, "deployments", record.deployment)
    return {
        "url": f"{address}/statuses/{record.id}",
        "id": record.id,
        "node_id": node_id("DeploymentStatus", record.id),
        "state": record.state,
        "creator": simple_user(world, record.creator),
        "description": record.description,
        "environment": record.environment,
        "target_url": record.target_url,
        "log_url": record.target_url,
        "environment_url": record.environment_url,
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.created_at),
        "deployment_url": address,
        "repository_url": world.urls.repository(repository.full_name),
        "performed_via_github_app": None,
    }


def environment_view(
    world: World, repository: RepositoryRecord, record: DeploymentEnvironment
) -> JsonObject:
    """Return an environment with its protection rules."""
    return {
        "id": record.id,
        "node_id": node_id("Environment", record.id),
        "name": record.name,
        "url": world.urls.repository(repository.full_name, "environments", record.name),
        "html_url": world.urls.page(repository.full_name, "settings/environments", record.id),
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.updated_at),
        "protection_rules": _rules(world, record),
        "deployment_branch_policy": record.branch_policy,
    }


def _rules(world: World, record: DeploymentEnvironment) -> list[JsonObject]:
    rules: list[JsonObject] = []
    if record.wait_timer:
        rules.append({"type": "wait_timer", "wait_timer": record.wait_timer})
    if record.reviewers:
        people = [{"type": "User", "reviewer": simple_user(world, u)} for u in record.reviewers]
        rule = {"prevent_self_review": record.prevent_self_review, "reviewers": people}
        rules.append({"type": "required_reviewers"} | rule)
    if record.branch_policy:
        rules.append({"type": "branch_policy"})
    for position, rule in enumerate(rules):
        identifier = record.id * 10 + position
        rule |= {"id": identifier, "node_id": node_id("GateRule", identifier)}
    return rules


def _short_status(world: World, repository: RepositoryRecord, record: StatusRecord) -> JsonObject:
    creator = simple_user(world, record.creator)
    return {
        "url": world.urls.repository(repository.full_name, "statuses", record.sha),
        "avatar_url": creator["avatar_url"],
        "id": record.id,
        "node_id": node_id("StatusContext", record.id),
        "state": record.state,
        "description": record.description,
        "target_url": record.target_url,
        "context": record.context,
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.created_at),
    }
