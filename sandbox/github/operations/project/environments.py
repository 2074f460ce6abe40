"""Deployment environments.

https://docs.github.com/en/rest/deployments/environments
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from tiercel.sandbox.github.memory.activities import DeploymentEnvironment
from tiercel.sandbox.github.memory.records import RepositoryRecord, User
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.rules.errors import UNPROCESSABLE, ApiError, not_found
from tiercel.sandbox.github.views.deployments import environment_view

_LONGEST_WAIT_MINUTES = 43_200
_MOST_REVIEWERS = 6
_NAME_LIMIT = 255


class Reviewer(Body):
    """Who may approve; teams are not modelled."""

    type: Literal["User", "Team"]
    id: int


class BranchPolicy(Body):
    """Which branches may deploy: those that are protected, or those of custom patterns."""

    protected_branches: bool
    custom_branch_policies: bool


class EnvironmentWish(Body):
    """The body of the operation that creates or updates an environment."""

    # GitHub takes no other field here.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    resource: ClassVar[str] = "Environment"

    wait_timer: int = Field(default=0, ge=0, le=_LONGEST_WAIT_MINUTES)
    prevent_self_review: bool = False
    reviewers: list[Reviewer] | None = Field(default=None, max_length=_MOST_REVIEWERS)
    deployment_branch_policy: BranchPolicy | None = None


def ensure_environment(
    world: World, repository: RepositoryRecord, name: str
) -> DeploymentEnvironment:
    """Return the environment; a deployment to an unknown one creates it, as on GitHub."""
    if not name.strip() or len(name) > _NAME_LIMIT:
        raise ApiError(UNPROCESSABLE, message="The environment name is not valid")
    known = world.store.one(DeploymentEnvironment, repository.id, name.lower())
    now = world.now()
    return known or world.store.put(
        DeploymentEnvironment(
            id=world.store.next_id(),
            repository=repository.id,
            name=name,
            created_at=now,
            updated_at=now,
        )
    )


def _list(call: ApiCall) -> Answer:
    found = call.world.store.find(DeploymentEnvironment, call.repository.id)
    chosen, headers = call.cut(found)
    views = [environment_view(call.world, call.repository, record) for record in chosen]
    return Answer(200, {"total_count": len(found), "environments": views}, headers)


def environment_in_path(call: ApiCall) -> DeploymentEnvironment:
    """Return the environment that the path names; 404 when there is none."""
    name = call.parameters["environment_name"].lower()
    found = call.world.store.one(DeploymentEnvironment, call.repository.id, name)
    if found is None:
        raise not_found()
    return found


def _get(call: ApiCall) -> Answer:
    return Answer(200, environment_view(call.world, call.repository, environment_in_path(call)))


def _put(call: ApiCall) -> Answer:
    wish = call.parse(EnvironmentWish)
    policy = wish.deployment_branch_policy
    if policy and policy.protected_branches == policy.custom_branch_policies:
        text = "protected_branches and custom_branch_policies cannot have the same value"
        raise ApiError(UNPROCESSABLE, message=text)
    people = [reviewer.id for reviewer in wish.reviewers or []]
    known = [call.world.store.get(User, identifier) for identifier in people]
    if None in known or any(reviewer.type == "Team" for reviewer in wish.reviewers or []):
        raise ApiError(UNPROCESSABLE, message="Reviewers must have access to the repository")
    record = ensure_environment(call.world, call.repository, call.parameters["environment_name"])
    update = {
        "wait_timer": wish.wait_timer,
        "prevent_self_review": wish.prevent_self_review,
        "reviewers": people,
        "branch_policy": policy.model_dump() if policy else None,
        "updated_at": call.world.now(),
    }
    record = call.world.store.put(record.model_copy(update=update))
    return Answer(200, environment_view(call.world, call.repository, record))


def _delete(call: ApiCall) -> Answer:
    call.world.store.delete(environment_in_path(call))
    return Answer(204)


_ENVIRONMENTS = "/repos/{owner}/{repo}/environments"
_ENVIRONMENT = f"{_ENVIRONMENTS}/{{environment_name}}"
ROUTES = (
    Route("GET", _ENVIRONMENTS, _list, read("actions")),
    Route("GET", _ENVIRONMENT, _get, read("actions")),
    Route("PUT", _ENVIRONMENT, _put, write("administration")),
    Route("DELETE", _ENVIRONMENT, _delete, write("administration")),
)
