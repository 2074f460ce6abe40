"""The journal of calls: one JSON object a line, never a body, a query or a token."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self


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


@dataclass(frozen=True)
class ApiJournalEntry:
    """One call as the journal keeps it; see Exchange."""

    time: datetime
    duration_ms: float
    method: str
    path: str
    operation: str
    actor: str
    status: int
    fault: str
    request_id: str

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Return what was written; ValueError, TypeError or KeyError when it is not that."""
        data = json.loads(line)
        return cls(time=datetime.fromisoformat(data.pop("time")), **data)


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


def read_calls(path: Path) -> Iterator[ApiJournalEntry]:
    """Yield the calls, oldest first; nothing when there is no journal."""
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield ApiJournalEntry.from_line(line.decode())
