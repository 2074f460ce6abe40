"""Prefect artifacts: one Markdown page for each thing that a run shows of itself."""

from __future__ import annotations

import re

import httpx
from prefect import get_run_logger
from prefect.artifacts import acreate_markdown_artifact

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.pages.failure_page import failure_page
from tiercel.domain.pages.markdown import escaped


async def report_failure(flow: str, error: TiercelError) -> None:
    """Show what failed, where, why, how things stand and what to do."""
    await show_page(f"failure-{flow}", error.what, failure_page(error))


async def show_page(key: str, description: str, text: str) -> None:
    """Keys have lower-case letters, digits and hyphens; Prefect reads descriptions as Markdown."""
    safe = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    try:
        await acreate_markdown_artifact(key=safe, description=escaped(description), markdown=text)
    except httpx.HTTPError as error:
        # What was done is done and recorded: a page that is missing must not fail it.
        get_run_logger().warning("Prefect does not take the page %s: %s", safe, error)
