"""Which branches and tags may deploy to an environment.

https://docs.github.com/en/rest/deployments/branch-policies
"""

from __future__ import annotations

from typing import ClassVar, Literal

from tiercel.sandbox.github.memory.activities import BranchPolicyRecord, DeploymentEnvironment
from tiercel.sandbox.github.memory.world import JsonObject, node_id
from tiercel.sandbox.github.operations.calls import Answer, ApiCall, Body, Route, read, write
from tiercel.sandbox.github.operations.project.environments import environment_in_path
from tiercel.sandbox.github.rules.errors import not_found


class PolicyWish(Body):
    """The body of the operation that adds a pattern."""

    resource: ClassVar[str] = "DeploymentBranchPolicy"

    name: str
    type: Literal["branch", "tag"] = "branch"


def _view(record: BranchPolicyRecord) -> JsonObject:
    return {
        "id": record.id,
        "node_id": node_id("GateBranchPolicy", record.id),
        "name": record.name,
        "type": record.type,
    }


def _custom(call: ApiCall) -> DeploymentEnvironment:
    """Return the environment in the path; 404 unless it is limited to chosen patterns."""
    found = environment_in_path(call)
    if not (found.branch_policy and found.branch_policy["custom_branch_policies"]):
        raise not_found()
    return found


def _known(call: ApiCall, environment: DeploymentEnvironment) -> list[BranchPolicyRecord]:
    return call.world.store.find(BranchPolicyRecord, call.repository.id, str(environment.id))


def _list(call: ApiCall) -> Answer:
    found = _known(call, environment_in_path(call))
    chosen, headers = call.cut(found)
    views = [_view(record) for record in chosen]
    return Answer(200, {"total_count": len(found), "branch_policies": views}, headers)


def _create(call: ApiCall) -> Answer:
    """Add a pattern; for one that is there already GitHub answers 303."""
    wish, environment = call.parse(PolicyWish), _custom(call)
    for known in _known(call, environment):
        if (known.name, known.type) == (wish.name, wish.type):
            return Answer(303)
    record = BranchPolicyRecord(
        id=call.world.store.next_id(),
        repository=call.repository.id,
        environment=environment.id,
        name=wish.name,
        type=wish.type,
    )
    return Answer(200, _view(call.world.store.put(record)))


def _delete(call: ApiCall) -> Answer:
    environment, record = _custom(call), call.record(BranchPolicyRecord, "branch_policy_id")
    if record.environment != environment.id:
        raise not_found()
    call.world.store.delete(record)
    return Answer(204)


_POLICIES = "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies"
ROUTES = (
    Route("GET", _POLICIES, _list, read("actions")),
    Route("POST", _POLICIES, _create, write("administration")),
    Route("DELETE", f"{_POLICIES}/{{branch_policy_id}}", _delete, write("administration")),
)
