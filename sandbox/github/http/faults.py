"""Faults and latency on demand: what a client must survive when GitHub misbehaves."""

from __future__ import annotations

import re
import threading
import time
from typing import ClassVar, Literal

from pydantic import Field

from tiercel.sandbox.github.operations.calls import Body
from tiercel.sandbox.github.rules.errors import (
    BAD_GATEWAY,
    BASE_MODIFIED,
    RATE_LIMITED,
    SECONDARY_LIMITED,
    SERVER_ERROR,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    ApiError,
    invalid,
)

_Kind = Literal[
    "500", "502", "503", "rate_limit", "secondary_rate_limit", "429", "base_modified",
    "reset", "lost", "latency",
]  # fmt: skip
_REFUSALS = {
    "500": SERVER_ERROR,
    "502": BAD_GATEWAY,
    "503": UNAVAILABLE,
    "base_modified": BASE_MODIFIED,
    "rate_limit": RATE_LIMITED,
    "secondary_rate_limit": SECONDARY_LIMITED,
    "429": TOO_MANY_REQUESTS,
}


class Fault(Body):
    """What goes wrong with the next `times` requests whose method and path match.

    `path` is a regular expression that is searched in the path. `reset` closes the connection
    without applying the request, `lost` after applying it; `latency` only waits, and
    `latency_ms` waits before any other kind too. `seconds` is what Retry-After says, or when
    the rate limit is reset.
    """

    resource: ClassVar[str] = "Fault"

    kind: _Kind
    method: str = ""
    path: str = ""
    times: int = Field(default=1, ge=1, le=1_000_000)
    latency_ms: int = Field(default=0, ge=0, le=60_000)
    seconds: int = Field(default=1, ge=0, le=3600)

    def error(self) -> ApiError | None:
        """Return the refusal that a client gets; None for a fault of the connection."""
        refusal = _REFUSALS.get(self.kind)
        if refusal is None:
            return None
        headers = {}
        if self.kind == "rate_limit":
            reset = str(int(time.time()) + self.seconds)
            headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        elif self.kind in {"secondary_rate_limit", "429"}:
            headers = {"Retry-After": str(self.seconds)}
        return ApiError(refusal, headers=headers)


class Faults:
    """The faults that are still to happen, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, re.Pattern[str]]] = []

    def add(self, fault: Fault) -> None:
        """Let a fault happen; ApiError 422 when its path is no regular expression."""
        try:
            pattern = re.compile(fault.path)
        except re.error as error:
            raise invalid("Fault", "path", "custom", str(error)) from error
        with self._lock:
            self._waiting.append((fault, pattern))

    def clear(self) -> None:
        """Let nothing more go wrong."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """Return what is still to happen; `times` is how often."""
        with self._lock:
            return [fault for fault, _ in self._waiting]

    def take(self, method: str, path: str) -> Fault | None:
        """Return what goes wrong with this request, and count it."""
        with self._lock:
            for position, (fault, pattern) in enumerate(self._waiting):
                if fault.method in {"", method} and pattern.search(path):
                    if fault.times > 1:
                        left = fault.model_copy(update={"times": fault.times - 1})
                        self._waiting[position] = (left, pattern)
                    else:
                        del self._waiting[position]
                    return fault
        return None
