"""The board, of which each environment of a Prefect server tells its part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey

from tiercel.domain.organization.names import Names
from tiercel.domain.pages.board_page import (
    BOARD,
    BOARD_PART,
    BoardPart,
    board_page,
    board_part,
    board_part_in,
)
from tiercel.domain.pages.links import Links
from tiercel.domain.release.live import Live
from tiercel.flows.engine.artifacts import (
    page_address,
    report_document,
    show_page,
    show_standing_page,
)


async def report_on_board(names: Names, links: Links, live: Sequence[Live]) -> None:
    """Show what an environment runs beside what the others of this server run.

    What is on demand is no part of it.
    """
    if names.on_demand:
        return
    part = board_part(names, live, datetime.now(UTC))
    # Told first: of two environments that report at once, whoever reads last has both.
    await report_document(
        f"{BOARD_PART}{names.page}", f"What the board has of {names.title}",
        part.model_dump(mode="json"),
    )  # fmt: skip
    others = [one for one in await _parts() if one.environment != part.environment]
    text = board_page([part, *others], links, lambda name: page_address(f"live-{name}"))
    await show_standing_page(BOARD, text)


async def show_result(key: str, description: str, text: str) -> None:
    """Show what a run came to, with the way from there to the board."""
    address = page_address(BOARD)
    await show_page(
        key, description, f"{text}\n[What runs where]({address})\n" if address else text
    )


async def _parts() -> list[BoardPart]:
    """Return what every environment of this server told last; nothing if it does not answer."""
    wanted = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(like_=BOARD_PART))
    try:
        async with get_client() as client:
            found = await client.read_latest_artifacts(artifact_filter=wanted)
    except httpx.HTTPError as error:
        get_run_logger().warning("the board lacks the other environments: %s", error)
        return []
    told = [board_part_in(one.data) for one in found if (one.key or "").startswith(BOARD_PART)]
    return [one for one in told if one]
