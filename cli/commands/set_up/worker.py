"""`tiercel worker`: executes the runs of an environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def worker(
    pool: Annotated[str, typer.Argument(help="The work pool whose runs are executed.")],
    *,
    name: Annotated[str | None, typer.Option(help="The worker's name in Prefect.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Runs at the same time.")] = 4,
    drain_seconds: Annotated[
        float, typer.Option(min=5, help="On SIGTERM, how long runs may take to end.")
    ] = 60,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The prefect.yaml of `tiercel up`, if not Tiercel's."),
    ] = None,
) -> None:
    """Execute the runs of a work pool until SIGTERM or SIGINT, with this process's credentials.

    Runs that are not what was installed are refused.
    """
    from tiercel.deployments.following import switch_on_for_worker
    from tiercel.deployments.installation import Installation, process_template
    from tiercel.deployments.own_code import require_own_code
    from tiercel.deployments.prefect_file import installed_prefect_file, read_prefect_file
    from tiercel.deployments.worker.worker import execute_runs

    installed = read_prefect_file(file or installed_prefect_file())
    installation = Installation.of(installed, pool, process_template())
    require_own_code(pool)
    switch_on_for_worker(pool)
    execute_runs(pool, name, limit, drain_seconds, installation)
