"""Pages of deployments."""

from __future__ import annotations

from tiercel.sandbox.github.memory.activities import Deployment, DeploymentStatus
from tiercel.sandbox.github.pages.place import ShownRepository
from tiercel.sandbox.pages.frame import html_page
from tiercel.sandbox.pages.markup import Markup, link
from tiercel.sandbox.pages.parts import code_text, facts, html_table, moment, section, state


def deployments_page(place: ShownRepository, environment: str = "") -> bytes:
    """Return the list of deployments, the newest first, to one environment if one is given."""
    title = f"Deployments to {environment}" if environment else "Deployments"
    return html_page(title, place.trail, deployments_table(place, environment))


def deployments_table(
    place: ShownRepository, environment: str = "", most: int | None = None
) -> Markup:
    """Return the newest deployments as a table."""
    found = [one for one in _all(place) if environment in ("", one.environment)]
    rows = [
        (
            link(f"{one.id}", place.at("deployments", "of", one.id)),
            one.environment,
            state(_newest(place, one)),
            place.commit(one.sha),
            place.login(one.creator),
            moment(one.created_at),
        )
        for one in found[:most]
    ]
    return html_table(("deployment", "environment", "state", "commit", "by", "at"), rows)


def deployment_page(place: ShownRepository, number: str) -> bytes | None:
    """Return the page of a deployment with all that became of it; None if there is none."""
    found = [one for one in _all(place) if str(one.id) == number]
    if not found:
        return None
    deployment = found[0]
    rows = [
        (
            state(one.state),
            one.description,
            link("log", one.target_url) if one.target_url else "",
            code_text(
                one.environment_url
            ),  # of an emulated API: out there it may be somebody else's
            moment(one.created_at),
        )
        for one in _statuses(place, deployment)
    ]
    return html_page(
        f"Deployment {deployment.id} to {deployment.environment}",
        [*place.trail, ("deployments", place.at("deployments"))],
        facts(
            ("state", state(_newest(place, deployment))),
            ("commit", place.commit(deployment.sha)),
            ("of", code_text(deployment.ref)),
            ("by", place.login(deployment.creator)),
            ("what", deployment.description or ""),
        ),
        section("What became of it", html_table(("state", "what", "log", "address", "at"), rows)),
    )


def _all(place: ShownRepository) -> list[Deployment]:
    return place.world.store.find(Deployment, place.repository.id)[::-1]


def _statuses(place: ShownRepository, deployment: Deployment) -> list[DeploymentStatus]:
    return place.world.store.find(DeploymentStatus, place.repository.id, str(deployment.id))


def _newest(place: ShownRepository, deployment: Deployment) -> str:
    found = _statuses(place, deployment)
    return found[-1].state if found else "pending"
