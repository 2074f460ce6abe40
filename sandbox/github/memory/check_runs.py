"""Check runs, as the stand-in remembers them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from tiercel.sandbox.github.memory.records import Record

Conclusion = Literal[
    "action_required", "cancelled", "failure", "neutral", "skipped", "success", "timed_out"
]
RunStatus = Literal["queued", "in_progress", "completed"]


class CheckRunRecord(Record):
    """A check run of the App at a commit, with its annotations in the order they came in."""

    name: str
    sha: str
    status: RunStatus
    conclusion: Conclusion | None
    external_id: str
    details_url: str | None
    title: str | None = None
    summary: str | None = None
    annotations: list[dict[str, Any]] = Field(default_factory=list)
    started_at: datetime
    completed_at: datetime | None

    @property
    def key(self) -> str:
        """The commit."""
        return self.sha
