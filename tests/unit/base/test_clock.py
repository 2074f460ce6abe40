from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.clock import offset_in_words, seconds_ahead

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@given(st.integers(-100_000, 100_000))
def test_the_offset_is_what_the_clock_shows_beyond_the_servers_date(seconds: int) -> None:
    date = format_datetime(NOON, usegmt=True)
    assert seconds_ahead(date, NOON + timedelta(seconds=seconds)) == seconds


@pytest.mark.parametrize("date", ["", "noon", "2026-11-30T12:00:00Z", "Mon, 99 Nov 2026 12:00 GMT"])
def test_what_is_no_date_tells_no_offset(date: str) -> None:
    assert seconds_ahead(date, NOON) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3 * 3600, "3 h 0 min ahead"),
        (-(3 * 3600 + 120), "3 h 2 min behind"),
        (-1200.4, "20 min behind"),
        (59.7, "1 min ahead"),
        (7, "7 s ahead"),
    ],
)
def test_an_offset_is_told_in_the_units_of_a_clock(seconds: float, words: str) -> None:
    assert offset_in_words(seconds) == words
