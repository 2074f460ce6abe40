"""Prefect artifacts about environments on demand."""

from __future__ import annotations

from prefect import get_run_logger

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.pages.environment.environments_page import environments_page
from tiercel.flows.engine.artifacts import show_standing_page
from tiercel.flows.engine.concurrency import call
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.tasks.records.ephemeral import read_environments


async def report_environments(target: ReleaseTarget) -> None:
    """Show which environments on demand there are, whose, until when, and where they answer.

    What this is about has happened by then: if the records cannot be read, the log says so.
    """
    try:
        found = await call(read_environments, target.records)
    except TiercelError as error:
        get_run_logger().warning("the board of environments is not brought up to date: %s", error)
        return
    page = environments_page(found, target.links)
    await show_standing_page("environments-on-demand", page)
