"""`tiercel diff`: how two releases, commits or environments differ."""

from __future__ import annotations

from typing import Annotated

import typer

from tiercel.cli.terminal.comparing import show_differences, side_of
from tiercel.cli.terminal.settings import Settings, shared

_Side = Annotated[str, typer.Argument(help="An environment, STACK/NUMBER, or OWNER/NAME@COMMIT.")]


@shared(Settings)
def diff(before: _Side, after: _Side, *, settings: Settings) -> None:
    """Compare two releases, commits or environments: services, parameters' names, resources."""
    from tiercel.domain.review.release_differences import release_differences

    # One after the other: in the sandbox each is read as its environment's operator.
    sides = [side_of(settings, word) for word in (before, after)]
    found = release_differences(*sides)
    named = {"before": before, "after": after}
    show_differences(settings.output, f"From {before} to {after}", found, named)
