"""Names of flow runs, as they stand in the Prefect UI."""

from __future__ import annotations

from collections.abc import Callable

from prefect.runtime import flow_run

from domain.names import run_name


def flow_run_name(action: str, environment: str) -> Callable[[], str]:
    """Return a function that names a run after its parameters `repository` and `commit`."""

    def name() -> str:
        parameters = flow_run.get_parameters()
        repository = str(parameters.get("repository", "")).rpartition("/")[2]
        return run_name(action, environment, repository, str(parameters.get("commit", "")))

    return name
