"""Names and tags of flow runs, as they stand in the Prefect UI."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from tiercel.domain.base.text import printable
from tiercel.domain.organization.names import run_name

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


async def tag_flow_run(*names: str) -> None:
    """Add tags to the run of the flow, by which people filter in the Prefect UI.

    `prefect.tags` would tag the task runs as well; see `call` of `concurrency`. Tags are for
    looking only: a Prefect that does not take them is no failure.
    """
    run_id = flow_run.get_id()
    if run_id is None:
        return
    wanted = sorted({*flow_run.get_tags(), *(printable(name, _LONGEST_TAG) for name in names)})
    try:
        async with get_client() as client:
            await client.update_flow_run(UUID(run_id), tags=wanted)
    except httpx.HTTPError as error:
        get_run_logger().warning("Prefect does not take the tags of the run: %s", error)
