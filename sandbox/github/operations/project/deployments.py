"""Deployments and what became of them.

https://docs.github.com/en/rest/deployments
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from tiercel.sandbox.github.git.commits_and_trees import write_commit
from tiercel.sandbox.github.git.merges import merged_tree
from tiercel.sandbox.github.memory.activities import Deployment, DeploymentStatus
from tiercel.sandbox.github.operations.calls import (
    Answer,
    ApiCall,
    Body,
    Route,
    longer_than,
    read,
    write,
)
from tiercel.sandbox.github.operations.project.environments import ensure_environment
from tiercel.sandbox.github.operations.reference_changes import move_branch
from tiercel.sandbox.github.rules.errors import CONFLICT, UNPROCESSABLE, ApiError, not_found
from tiercel.sandbox.github.rules.events import Teller
from tiercel.sandbox.github.rules.protection import latest_statuses
from tiercel.sandbox.github.rules.synchronize import user_signature, web_signature
from tiercel.sandbox.github.views.deployments import combined_state, deployment, deployment_status

_DESCRIPTION_LIMIT = 140
_State = Literal["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]


class DeploymentWish(Body):
    """The body of the operation that creates a deployment.

    Without `required_contexts` every status of the commit must be good; an empty list asks
    for none. `auto_merge` merges the default branch first when the branch lacks some of it.
    """

    resource: ClassVar[str] = "Deployment"

    ref: str
    task: str = "deploy"
    auto_merge: bool = True
    required_contexts: list[str] = Field(default_factory=list)
    payload: dict[str, Any] | str = ""
    environment: str = "production"
    description: str | None = None
    transient_environment: bool = False
    production_environment: bool = False


class DeploymentStatusWish(Body):
    """The body of the operation that says what became of a deployment."""

    resource: ClassVar[str] = "DeploymentStatus"

    state: _State
    target_url: str = ""
    log_url: str = ""
    description: str = ""
    environment: str = ""
    environment_url: str = ""
    auto_inactive: bool = True


def _list(call: ApiCall) -> Answer:
    """List deployments, newest first; `sha`, `ref`, `task` and `environment` choose."""
    found = [
        record
        for record in call.world.store.find(Deployment, call.repository.id)[::-1]
        if all(
            call.query.get(name, getattr(record, name)) == getattr(record, name)
            for name in ("sha", "ref", "task", "environment")
        )
    ]
    return call.page(found, lambda record: deployment(call.world, call.repository, record))


def _get(call: ApiCall) -> Answer:
    record = call.record(Deployment, "deployment_id")
    return Answer(200, deployment(call.world, call.repository, record))


def _create(call: ApiCall) -> Answer:
    wish = call.parse(DeploymentWish)
    longer_than("Deployment", "description", wish.description, _DESCRIPTION_LIMIT)
    sha = call.git.commit(wish.ref)
    if sha is None:
        raise ApiError(UNPROCESSABLE, message=f"No ref found for: {wish.ref}")
    if wish.auto_merge and _merged_default(call, wish.ref, sha):
        default = call.repository.default_branch
        text = f"Auto-merged {default} into {wish.ref} on deployment."
        return Answer(202, {"message": text})
    _checked(call, wish, sha)
    ensure_environment(call.world, call.repository, wish.environment)
    now = call.world.now()
    record = call.world.store.put(
        Deployment(
            id=call.world.store.next_id(),
            repository=call.repository.id,
            sha=sha,
            ref=wish.ref,
            task=wish.task,
            payload=wish.payload,
            environment=wish.environment,
            description=wish.description,
            transient=wish.transient_environment,
            production=wish.production_environment
            if wish.has("production_environment")
            else wish.environment == "production",
            creator=call.user.id,
            created_at=now,
            updated_at=now,
        )
    )
    Teller(call.world, call.repository, call.user).deployment(record)
    view = deployment(call.world, call.repository, record)
    return Answer(201, view, {"Location": view["url"]})


def _merged_default(call: ApiCall, branch: str, sha: str) -> bool:
    """Merge the default branch into a branch that lacks some of it; ApiError on a conflict."""
    git, default = call.git, call.repository.default_branch
    base = git.reference(f"refs/heads/{default}")
    if base is None or git.reference(f"refs/heads/{branch}") != sha or git.is_ancestor(base, sha):
        return False
    tree = merged_tree(git, sha, base)
    if tree is None:
        raise ApiError(CONFLICT, message=f"Conflict merging {default} into {branch}")
    message = f"Merge branch '{default}' into {branch}"
    author, web = user_signature(call.world, call.user), web_signature(call.world)
    merge = write_commit(git, tree, [sha, base], message, author, web)
    move_branch(call, branch, merge, sha, CONFLICT)
    return True


def _checked(call: ApiCall, wish: DeploymentWish, sha: str) -> None:
    latest = latest_statuses(call.world, call.repository, sha)
    if not wish.has("required_contexts"):
        good = not latest or combined_state(latest) == "success"
    else:
        states = {record.context: record.state for record in latest}
        good = all(states.get(context) == "success" for context in wish.required_contexts)
    if not good:
        raise ApiError(CONFLICT, message=f"Conflict: Commit status checks failed for {wish.ref}.")


def _statuses(call: ApiCall) -> Answer:
    record = call.record(Deployment, "deployment_id")
    found = call.world.store.find(DeploymentStatus, call.repository.id, str(record.id))[::-1]
    return call.page(found, lambda s: deployment_status(call.world, call.repository, s))


def _status(call: ApiCall) -> Answer:
    status = call.record(DeploymentStatus, "status_id")
    if status.deployment != call.record(Deployment, "deployment_id").id:
        raise not_found()
    return Answer(200, deployment_status(call.world, call.repository, status))


def _create_status(call: ApiCall) -> Answer:
    record, wish = call.record(Deployment, "deployment_id"), call.parse(DeploymentStatusWish)
    longer_than("DeploymentStatus", "description", wish.description, _DESCRIPTION_LIMIT)
    if wish.state == "success" and wish.auto_inactive:
        _retire_others(call, record)
    status = _new_status(call, record, wish)
    view = deployment_status(call.world, call.repository, status)
    return Answer(201, view, {"Location": view["url"]})


def _retire_others(call: ApiCall, record: Deployment) -> None:
    """Make earlier successful deployments to the same environment inactive.

    https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status
    """
    for other in call.world.store.find(Deployment, call.repository.id):
        same = other.environment == record.environment and other.id < record.id
        if same and not other.transient and not other.production:
            statuses = call.world.store.find(DeploymentStatus, call.repository.id, str(other.id))
            if statuses and statuses[-1].state == "success":
                _new_status(call, other, DeploymentStatusWish(state="inactive"))


def _new_status(call: ApiCall, record: Deployment, wish: DeploymentStatusWish) -> DeploymentStatus:
    now = call.world.now()
    status = call.world.store.put(
        DeploymentStatus(
            id=call.world.store.next_id(),
            repository=call.repository.id,
            deployment=record.id,
            state=wish.state,
            description=wish.description,
            environment=wish.environment or record.environment,
            target_url=wish.log_url or wish.target_url,
            environment_url=wish.environment_url,
            creator=call.user.id,
            created_at=now,
        )
    )
    update = {"updated_at": now, "environment": status.environment}
    record = call.world.store.put(record.model_copy(update=update))
    Teller(call.world, call.repository, call.user).deployment_status(record, status)
    return status


_DEPLOYMENTS = "/repos/{owner}/{repo}/deployments"
_STATUSES = f"{_DEPLOYMENTS}/{{deployment_id}}/statuses"
ROUTES = (
    Route("GET", _DEPLOYMENTS, _list, read("deployments")),
    Route("POST", _DEPLOYMENTS, _create, write("deployments")),
    Route("GET", f"{_DEPLOYMENTS}/{{deployment_id}}", _get, read("deployments")),
    Route("GET", _STATUSES, _statuses, read("deployments")),
    Route("POST", _STATUSES, _create_status, write("deployments")),
    Route("GET", f"{_STATUSES}/{{status_id}}", _status, read("deployments")),
)
