"""How far the clock of this machine is from another's, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds_ahead(date: str, now: datetime) -> float | None:
    """Return by how much `now` is after the time of an HTTP Date header, None if it is none.

    It is less than 0 for a clock that is behind. https://www.rfc-editor.org/rfc/rfc9110#field.date
    """
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return None
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    return (now - theirs).total_seconds()


def offset_in_words(seconds: float) -> str:
    """Return how far a clock is ahead or behind, in hours and minutes or in seconds."""
    direction = "ahead" if seconds > 0 else "behind"
    whole = round(abs(seconds))
    hours, minutes = divmod(round(whole / 60), 60)
    if whole < 60:
        return f"{whole} s {direction}"
    return f"{hours} h {minutes} min {direction}" if hours else f"{minutes} min {direction}"
