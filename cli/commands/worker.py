"""`tiercel worker`: executes the runs of an environment."""

from __future__ import annotations

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
) -> None:
    """Execute the runs of a work pool until SIGTERM or SIGINT, with this process's credentials."""
    from tiercel.deployments.own_code import require_own_code
    from tiercel.deployments.worker import execute_runs

    require_own_code(pool)
    execute_runs(pool, name, limit, drain_seconds)
