"""What CloudFormation tells of a stack's operations, event by event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

STACK_TYPE = "AWS::CloudFormation::Stack"
_CUSTOM = "AWS::CloudFormation::CustomResource"
_ENDS = ("_COMPLETE", "_FAILED", "_SKIPPED")
_CANCELLED_BY_A_PERSON = "User Initiated"
_PROGRESS = re.compile(r"(?!\w*(FAILED|ROLLBACK_IN_PROGRESS) )[A-Z]+(_[A-Z]+)+ \w+(::\w+)+ \w+")
# What followed from another failure, and what only says where the reason stands.
_FOLLOWED = re.compile(
    rf"{_CANCELLED_BY_A_PERSON}|"
    r"Resource \w+ cancelled|The following resource\(s\) failed to |Validation failed with |"
    r"Validation failure detected|Rollback (requested|complete)"
)


@dataclass(frozen=True)
class StackEvent:
    """One line of a stack's history; AWS gives each an id, and everything else to some.

    `operation` is the id of the operation that the event belongs to, and `properties` are those
    of the resource, as JSON.
    """

    event_id: str
    logical_id: str
    resource_type: str
    status: str
    reason: str
    physical_id: str = ""
    stack_id: str = ""
    operation: str = ""
    properties: str = ""
    at: datetime | None = None

    def line(self) -> str:
        """Return the event as a line for a log."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.status} {self.resource_type} {self.logical_id}{why}"

    @property
    def is_of_stack(self) -> bool:
        """Whether the event is about the stack itself, and none of its resources."""
        return bool(self.stack_id) and self.physical_id == self.stack_id

    @property
    def is_cause(self) -> bool:
        """Whether the event says why an operation failed, rather than what followed from it.

        Some reasons only the stack itself has, often where it begins to roll back: an export that
        is in use, an output that cannot be told, a time-out.
        """
        if _FOLLOWED.match(self.reason):
            return False
        if self.is_of_stack:
            failed = self.status.endswith(("_FAILED", "ROLLBACK_IN_PROGRESS"))
            return failed and bool(self.reason)
        return self.status.endswith("_FAILED")

    @property
    def is_cancellation(self) -> bool:
        """Whether a person made the stack roll back: a cause only where there is no other."""
        rolls_back = self.is_of_stack and self.status.endswith("ROLLBACK_IN_PROGRESS")
        return rolls_back and self.reason.startswith(_CANCELLED_BY_A_PERSON)

    @property
    def nested_stack(self) -> str:
        """The id of the nested stack that failed, whose own events have the reason."""
        is_nested = self.resource_type == STACK_TYPE and not self.is_of_stack
        failed = self.status.endswith("_FAILED") and not _FOLLOWED.match(self.reason)
        return self.physical_id if is_nested and failed and ":stack/" in self.physical_id else ""

    @property
    def function(self) -> str:
        """The ARN or name of the function behind a custom resource; empty if there is none."""
        if self.resource_type != _CUSTOM and not self.resource_type.startswith("Custom::"):
            return ""
        try:
            properties = json.loads(self.properties)
        except ValueError:
            return ""
        token = properties.get("ServiceToken") if isinstance(properties, dict) else None
        return token if isinstance(token, str) and ":sns:" not in token else ""


def is_progress(line: str) -> bool:
    """Whether it is the `line` of an event by which nothing has failed or is brought back."""
    return bool(_PROGRESS.match(line))


def finished_and_known(events: Iterable[StackEvent], planned: int) -> tuple[int, int]:
    """Return how many resources are finished, and of how many.

    The stack itself counts as one resource: it is the last to finish. What
    the events name and the plan did not, as the replaced ones that are removed, counts too.
    """
    latest = {event.logical_id: event.status for event in events}
    finished = sum(status.endswith(_ENDS) for status in latest.values())
    return finished, max(planned + 1, len(latest))


def goes_back(events: Iterable[StackEvent]) -> bool:
    """Whether one of the events says that the stack itself is being brought back."""
    return any(event.is_of_stack and "ROLLBACK" in event.status for event in events)


def tells_the_end(events: Iterable[StackEvent]) -> bool:
    """Whether one of the events says that the stack itself is in a status in which it stays."""
    return any(event.is_of_stack and event.status.endswith(_ENDS) for event in events)
