"""The journal of AWS calls: one JSON object a line, never a body, token or signature."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self


class CallKind(StrEnum):
    """What a call was addressed to."""

    API = "api"
    DATA_PLANE = "data-plane"
    ADMIN = "admin"


@dataclass(frozen=True)
class JournalEntry:
    """One call, as CloudTrail would have to describe it.

    `action` is what IAM decides about (s3:PutObject), `operation` the API's own name
    (UploadPart). `principal` is an ARN, or empty when nobody signed; `access_key` its
    last four characters. `resource` is an ARN or the best that is known, else empty.
    `error_code` is None unless AWS answered with an error. `status` is 0 when the caller
    went away before there was an answer.
    """

    time: datetime
    duration_ms: float
    kind: CallKind
    account: str
    principal: str
    access_key: str
    service: str
    action: str
    operation: str
    resource: str
    region: str
    status: int
    error_code: str | None
    request_id: str

    def to_line(self) -> str:
        """Return the entry as one line of JSON; time is ISO 8601 in UTC with milliseconds."""
        text = self.time.astimezone(UTC).isoformat(timespec="milliseconds")
        return json.dumps(asdict(self) | {"time": text.replace("+00:00", "Z")})

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Return what `to_line` wrote; ValueError, TypeError or KeyError when it is not that."""
        data = json.loads(line)
        time = datetime.fromisoformat(data.pop("time"))
        return cls(time=time, kind=CallKind(data.pop("kind")), **data)


class JournalWriter:
    """Appends entries; each is one write, so readers never see half a line."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, entry: JournalEntry) -> None:
        """Append one entry."""
        os.write(self._descriptor, (entry.to_line() + "\n").encode())


def read_journal(path: Path, offset: int = 0) -> Iterator[JournalEntry]:
    """Yield the entries from a byte offset on, oldest first; nothing when there is no journal.

    A last line that is still being written is left for the next read.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if line.endswith(b"\n"):
                yield JournalEntry.from_line(line.decode())


def journal_size(path: Path) -> int:
    """Return the journal's size in bytes: the offset from which later calls can be read."""
    return path.stat().st_size if path.exists() else 0
