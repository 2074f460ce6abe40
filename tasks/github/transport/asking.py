"""Who asks for something, as GitHub tells: the author of a deployment, the actor of a workflow."""

from __future__ import annotations

from github.NamedUser import NamedUser
from github.Organization import Organization

from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.asking import NOBODY, Asker, no_label
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.github.transport.client import github_call, repository

_PERSON = "User"
_LABELED = "labeled"
_LABELINGS = (_LABELED, "unlabeled")


@world_task("create deployment", "create deployment to {environment}")
def request_deployment(name: str, ref: str, environment: str) -> int:
    """Create the deployment by which the owner of the token asks, and return its number.

    GitHub keeps who made it, so whoever carries it out need not believe anybody.
    """
    with github_call("create a deployment", f"{name}@{ref} {environment}"):
        made = repository(name).create_deployment(
            ref=ref,
            environment=environment,
            auto_merge=False,
            required_contexts=[],
            transient_environment=True,
            production_environment=False,
            description="Asked for with Tiercel",
        )
        return int(made.id)


@world_task("read asker", "read who asked by deployment {number}")
def asker_by_deployment(name: str, number: int, environment: str) -> Asker:
    """Return who made a deployment to this environment, with his permission at this moment.

    Raises RefusedInputError for a deployment to another one.
    """
    with github_call("read a deployment", f"{name} deployment {number}"):
        found = repository(name).get_deployment(number)
        if found.environment != environment:
            raise RefusedInputError(
                "ephemeral.other_request",
                f"deployment {number} asks for something else",
                where=f"{name} deployment {number}",
                why=f"it is one to {found.environment}, not to {environment}",
                state="nothing was made",
                remedy="ask again with `tiercel ephemeral up`",
            )
        return _asker(name, found.creator)


@world_task("read actor", "read actor of workflow run {number}")
def asker_by_workflow_run(name: str, number: int) -> Asker:
    """Return who started a workflow run, such as by setting a label, with his permission now."""
    with github_call("read a workflow run", f"{name} run {number}"):
        return _asker(name, repository(name).get_workflow_run(number).triggering_actor)


@world_task("read labeler", "read who labeled {name} #{number}")
def asker_by_label(name: str, number: int, label: str) -> Asker:
    """Return who gave a pull request the label that it has now, with his permission at this moment.

    Raises RefusedInputError if it does not have the label.
    """
    with github_call("read the labels of a pull request", f"{name}#{number}"):
        newest = None
        for event in repository(name).get_issue(number).get_events():
            named = event.label.name if event.event in _LABELINGS and event.label else ""
            if named.lower() == label.lower():
                newest = event
        if newest is None or newest.event != _LABELED:
            raise no_label(name, number, label)
        return _asker(name, newest.actor)


def _asker(name: str, user: NamedUser | Organization | None) -> Asker:
    """What an App or a bot asks for is nobody's."""
    if user is None or user.type != _PERSON:
        return NOBODY
    return Asker(user.login, repository(name).get_collaborator_permission(user.login))


@world_task("end deployments", "end GitHub deployments to {environment}")
def end_deployments(name: str, environment: str, description: str) -> int:
    """Set every deployment to an environment that is not there any more to inactive; count them."""
    ended = 0
    with github_call("end deployments", f"{name} {environment}"):
        for found in repository(name).get_deployments(environment=environment):
            newest = next(iter(found.get_statuses()), None)
            if newest is None or newest.state != "inactive":
                found.create_status(state="inactive", description=description)
                ended += 1
    return ended
