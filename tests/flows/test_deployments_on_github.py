"""A deploy shows itself on GitHub; what GitHub does not take changes nothing about the deploy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from tests.support.place import Place
from tiercel.domain.base.errors import (
    DeployFailedError,
    SupersededError,
    TiercelError,
    UnreachableError,
)
from tiercel.flows.engine.lifecycle import lifecycle_flow
from tiercel.flows.release.github import as_github_deployment
from tiercel.flows.release.pages import report_superseded
from tiercel.flows.release.preparation import prepare
from tiercel.flows.release.results import Released
from tiercel.sandbox.lifecycle import Sandbox
from tiercel.tasks.engine.retry_budget import retry_budget

OPENING = "/deployments$"
REPORTING = "/deployments/[0-9]+/statuses$"


@pytest.fixture(autouse=True)
def healed(sandbox: Sandbox) -> Iterator[None]:
    yield
    assert sandbox.github
    sandbox.github.control("DELETE", "/faults")


def limited(sandbox: Sandbox, path: str, times: int) -> None:
    """Let GitHub take none of so many writes, for longer than a run waits."""
    assert sandbox.github
    fault = {"kind": "rate_limit", "method": "POST", "path": path, "seconds": 3600}
    sandbox.github.control("POST", "/faults", **fault, times=times)


def shown(place: Place, ending: TiercelError | None = None) -> None:
    """Run a deploy that ends so, without the seconds between one try and the next."""

    async def deploy() -> dict[str, Released]:
        if ending:
            raise ending
        return {}

    @lifecycle_flow("shown", "show", "preprod")
    async def show(repository: str, commit: str) -> None:
        candidate = await prepare(repository, commit, "preprod")
        with retry_budget(0):
            await as_github_deployment(candidate, deploy)

    asyncio.run(show(place.repository.name, "develop"))


def states(place: Place) -> list[str]:
    found = place.remote.get_deployments(environment="preprod")
    return [status.state for deployment in found for status in deployment.get_statuses()]


def warnings(run_log: list[logging.LogRecord]) -> list[str]:
    begins = "the deploy is not shown on GitHub as "
    said = [record.getMessage() for record in run_log if record.levelno == logging.WARNING]
    return [line.removeprefix(begins).partition(":")[0] for line in said if line.startswith(begins)]


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (
            DeployFailedError("test.reason", "stack acme-preprod-inbox ended as CREATE_FAILED"),
            "failure",
        ),
        (SupersededError("test.reason", "release 1 is superseded by release 2"), "inactive"),
    ],
)
def test_a_deploy_that_ends_badly_ends_so_also_when_github_does_not_take_that(
    place: Place,
    sandbox: Sandbox,
    run_log: list[logging.LogRecord],
    ending: TiercelError,
    state: str,
) -> None:
    limited(sandbox, REPORTING, times=2)

    with pytest.raises(type(ending)) as raised:
        shown(place, ending)

    assert raised.value is ending
    assert warnings(run_log) == ["in_progress", state]
    assert states(place) == []


@pytest.mark.walks("github-answers-git")
@pytest.mark.parametrize("path", [OPENING, REPORTING])
def test_github_that_is_away_when_a_deploy_begins_does_not_stop_it(
    place: Place, sandbox: Sandbox, run_log: list[logging.LogRecord], path: str
) -> None:
    limited(sandbox, path, times=1)

    shown(place)

    assert warnings(run_log) == ["in_progress"]
    assert states(place) == ["success"]


@pytest.mark.walks("github-answers-git")
def test_a_success_that_github_does_not_take_fails_the_run_until_it_is_run_again(
    place: Place, sandbox: Sandbox
) -> None:
    limited(sandbox, OPENING, times=2)

    with pytest.raises(UnreachableError, match="cannot open a deployment"):
        shown(place)

    shown(place)
    assert states(place)[0] == "success"


@pytest.mark.parametrize("kind", ["503", "base_modified"])
def test_a_page_that_github_does_not_help_with_leaves_out_the_pull_request_alone(
    place: Place, sandbox: Sandbox, run_log: list[logging.LogRecord], kind: str
) -> None:
    assert sandbox.github
    sandbox.github.control("POST", "/faults", kind=kind, method="GET", path="/commits/.*/pulls$")

    @lifecycle_flow("paged", "page", "preprod")
    async def page(repository: str, commit: str) -> None:
        await report_superseded(await prepare(repository, commit, "preprod"), "release 9")

    asyncio.run(page(place.repository.name, "develop"))

    said = [one.getMessage() for one in run_log if one.levelno == logging.WARNING]
    assert [line.partition(":")[0] for line in said] == ["the pull request is not linked"]
