"""The journal of calls: one JSON object a line, never a body, a query or a token."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class ApiExchange:
    """A request and its answer; bodies are there for requests of the API only.

    `operation` is GitHub's own path template, empty when there is none, and for git the
    service. `status` is 0 when the connection was closed without an answer.
    """

    time: datetime
    duration_ms: float
    method: str
    path: str
    operation: str
    actor: str
    status: int
    fault: str
    request_id: str
    query: bytes = field(default=b"", repr=False)
    request_body: bytes = field(default=b"", repr=False)
    response_body: bytes = field(default=b"", repr=False)
    response_headers: dict[str, str] = field(default_factory=dict, repr=False)


Observer = Callable[[ApiExchange], None]
_HIDDEN = ("query", "request_body", "response_body", "response_headers")


class Journal:
    """Appends calls; each is one write, so readers never see half a line."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, exchange: ApiExchange) -> None:
        """Append one call."""
        data = {name: value for name, value in asdict(exchange).items() if name not in _HIDDEN}
        moment = exchange.time.astimezone(UTC).isoformat(timespec="milliseconds")
        data["time"] = moment.replace("+00:00", "Z")
        os.write(self._descriptor, (json.dumps(data) + "\n").encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
