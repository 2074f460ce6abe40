from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.rate_limits import rate_limit_seconds

NOW = 1_800_000_000.0
PRIMARY = "API rate limit exceeded for user ID 7."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
USED_UP = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000030"}


@pytest.mark.parametrize(
    ("status", "headers", "message", "seconds"),
    [
        (403, USED_UP, PRIMARY, 31),
        (429, USED_UP, PRIMARY, 31),
        (429, USED_UP, "", 31),
        (403, {"retry-after": "7"}, SECONDARY, 7),
        (403, {"retry-after": "7"}, "whatever", 7),
        (403, {"retry-after": "7"} | USED_UP, PRIMARY, 7),
        (429, {"retry-after": "7"}, "", 7),
        (403, {}, SECONDARY, 60),
        (429, {}, "", 60),
        (403, {"x-ratelimit-remaining": "12", "x-ratelimit-reset": "1800000030"}, SECONDARY, 60),
        (403, {}, "Sorry. Please retry your request again later.", 60),
        (429, {"retry-after": "0"}, "", 1),
        (429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", 60),
        (429, {"retry-after": "²"}, "", 60),
        (403, USED_UP | {"x-ratelimit-reset": "1799999000"}, PRIMARY, 1),
    ],
)
def test_a_limit_says_how_long_to_wait(
    status: int, headers: dict[str, str], message: str, seconds: float
) -> None:
    assert rate_limit_seconds(status, headers, message, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (403, {}, "Resource not accessible by integration"),
        (403, USED_UP, "Resource not accessible by integration"),
        (503, {"retry-after": "7"}, "Service unavailable"),
        (404, {}, "Not Found"),
        (422, {}, "rate limit"),
    ],
)
def test_another_refusal_is_no_limit(status: int, headers: dict[str, str], message: str) -> None:
    assert rate_limit_seconds(status, headers, message, NOW) is None


NAMES = st.sampled_from(["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"])


@given(st.integers(100, 599), st.dictionaries(NAMES, st.text() | st.just("0")), st.text())
def test_whatever_a_server_says_no_wait_is_shorter_than_a_second(
    status: int, headers: dict[str, str], message: str
) -> None:
    seconds = rate_limit_seconds(status, headers, message, NOW)
    assert seconds is None or seconds >= 1
