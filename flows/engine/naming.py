"""Names and tags of flow runs, as they stand in the Prefect UI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from tiercel.domain.base.text import printable
from tiercel.domain.organization.names import run_name, with_commit

_LONGEST_TAG = 60
_LONGEST = 100


def flow_run_name(action: str, environment: str) -> Callable[[], str]:
    """Return a function that names a run after its parameters `repository` and `commit`.

    A run that is about one stack is named after it, one about accounts after its environment.
    """

    def name() -> str:
        parameters = flow_run.get_parameters()
        if "stack" in parameters:
            return printable(f"{action} {parameters['stack']}", _LONGEST)
        if "repository" not in parameters:
            return printable(f"{action} {parameters.get('environment', environment)}", _LONGEST)
        repository = str(parameters.get("repository", "")).rpartition("/")[2]
        return run_name(action, environment, repository, str(parameters.get("commit", "")))

    return name


async def tag_flow_run(*names: str, commit: str = "") -> None:
    """Add tags to the run of the flow, by which people filter in the Prefect UI.

    A run that was started by a branch's name is called after the `commit` as well that it stands
    for. `prefect.tags` would tag the task runs as well; see `call` of `concurrency`. All this is
    for looking only: a Prefect that does not take it is no failure.
    """
    run_id = flow_run.get_id()
    if run_id is None:
        return
    wanted = {*flow_run.get_tags(), *legal_tags(names)}
    asked = str(flow_run.get_parameters().get("commit") or "")
    called = with_commit(flow_run.get_name() or "", asked, commit)
    try:
        async with get_client() as client:
            await client.update_flow_run(UUID(run_id), tags=sorted(wanted), name=called or None)
    except httpx.HTTPError as error:
        get_run_logger().warning("Prefect does not take the tags of the run: %s", error)


async def tag_failed_run(environment: str) -> None:
    """Add the tags that a run's parameters tell by themselves, if it failed before it had any.

    A run that does not say where it belongs is of the given environment.
    """
    run_id, given = flow_run.get_id(), flow_run.get_parameters()
    if run_id is None:
        return
    known = (given.get("environment") or environment, given.get("repository"), given.get("stack"))
    try:
        async with get_client() as client:
            has = (await client.read_flow_run(UUID(run_id))).tags
            wanted = {*has, *legal_tags(str(one) for one in known if one)}
            if wanted != {*has}:
                await client.update_flow_run(UUID(run_id), tags=sorted(wanted))
    except httpx.HTTPError as error:
        get_run_logger().warning("Prefect does not take the tags of the run: %s", error)


def legal_tags(tags: Iterable[str]) -> set[str]:
    """Return tags as runs have them: without what cannot be shown, and not too long."""
    return {printable(one, _LONGEST_TAG) for one in tags}
