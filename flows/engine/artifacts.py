"""Prefect artifacts: what a run shows of itself, and how it failed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx
from prefect import get_run_logger
from prefect.artifacts import Artifact, MarkdownArtifact
from prefect.runtime import flow_run
from prefect.settings import get_current_settings

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.failure_document import KEY, failure_document
from tiercel.domain.pages.failure_page import failure_page
from tiercel.domain.pages.markdown import escaped

_LATER_SECONDS = 5.0
"""What a page is given once Prefect has not taken one, for which its client tried a minute."""


class _Pages:
    """What is known of Prefect's taking pages of a run."""

    were_taken = True


_pages: ContextVar[_Pages | None] = ContextVar("pages of the run", default=None)


@contextmanager
def pages_of_a_run() -> Iterator[None]:
    """Let all pages of a run wait together for a Prefect that is away, and not each of them."""
    token = _pages.set(_Pages())
    try:
        yield
    finally:
        _pages.reset(token)


async def report_failure(flow: str, error: TiercelError) -> None:
    """Show what failed, where, why, how things stand and what to do; leave it as data, too."""
    document = failure_document(error.failure, flow_run.run_count)
    await report_document(KEY, error.code, document)
    await show_page(f"failure-{flow}", error.what, failure_page(error.failure))


async def report_document(key: str, description: str, document: dict[str, Any]) -> None:
    """Leave something as data, for whoever follows the run."""
    await _report(Artifact(type="json", key=key, description=description, data=document))


async def show_page(key: str, description: str, text: str) -> None:
    """Keys have lower-case letters, digits and hyphens; Prefect reads descriptions as Markdown."""
    await _report(
        MarkdownArtifact(key=_legal(key), description=escaped(description), markdown=text)
    )


async def show_standing_page(key: str, text: str) -> None:
    """Show a page that people open by its key, at the address that `page_address` returns.

    Prefect shows there what the newest page of the key is described as, above the list of all, so
    such a page describes itself. In lists the first line stands.
    """
    await _report(MarkdownArtifact(key=_legal(key), description=text, markdown=text))


def page_address(key: str) -> str:
    """Return where Prefect shows the newest page of a key; empty for a server without pages."""
    settings = get_current_settings()
    if not (settings.ui_url and settings.api.url):
        return ""
    return f"{settings.ui_url}/artifacts/key/{_legal(key)}"


def _legal(key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")


async def _report(artifact: Artifact) -> None:
    pages = _pages.get() or _Pages()
    try:
        async with asyncio.timeout(None if pages.were_taken else _LATER_SECONDS):
            await artifact.acreate()
    except (httpx.HTTPError, TimeoutError) as error:
        # What was done is done and recorded: a page that is missing must not fail it.
        pages.were_taken = False
        why = str(error) or "it does not answer"
        get_run_logger().warning("Prefect does not take the page %s: %s", artifact.key, why)
    else:
        pages.were_taken = True
