"""How long GitHub asks a client to wait.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LIMITED = (403, 429)
_WORDS = re.compile(
    r"rate limit|retry your request again later|wait a few minutes before you try again",
    re.IGNORECASE,
)
_UNKNOWN_SECONDS = 60.0
"""What GitHub asks for when it does not say how long a limit lasts."""
_SHORTEST_SECONDS = 1.0


def rate_limit_seconds(
    status: int, headers: Mapping[str, str], message: str, now: float
) -> float | None:
    """Return the seconds to wait before the next request; None if no limit was hit.

    `headers` has lower-case names, `now` is a POSIX timestamp. A 403 is mostly a missing
    permission, also when it used up the last request of the hour.
    """
    after = _number(headers.get("retry-after"))
    if status not in _LIMITED:
        return None
    if status == 403 and after is None and not _WORDS.search(message):
        return None
    reset = _number(headers.get("x-ratelimit-reset"))
    if after is None and headers.get("x-ratelimit-remaining") == "0" and reset is not None:
        # It is not said when in that second the limit is reset.
        after = reset - now + 1
    return max(_UNKNOWN_SECONDS if after is None else after, _SHORTEST_SECONDS)


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"[0-9]{1,12}", text) else None
