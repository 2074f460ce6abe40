"""Gates of a promotion that an approver opened, as its releases have it for ever."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict


class OpenedGate(BaseModel):
    """A gate that is open by somebody's word: who, vouched for by whom, when and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    gate: str
    by: str
    vouched_by: str
    at: datetime
    reason: str

    @property
    def words(self) -> str:
        """Which gate, by whom and why, for people; the reason is somebody's own text."""
        return f"gate {self.gate} opened by {self.by} ({self.vouched_by}): {self.reason}"


def each_once(*opened: Iterable[OpenedGate]) -> tuple[OpenedGate, ...]:
    """Return the gates that any of several releases has as opened, each once, by their names."""
    found = {one.words: one for some in opened for one in some}
    return tuple(sorted(found.values(), key=lambda one: one.words))
