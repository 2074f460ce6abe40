"""A stack's events, oldest first and none twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import client

_STACK_TYPE = "AWS::CloudFormation::Stack"
_STARTS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
_ENDS = ("_COMPLETE", "_FAILED", "_SKIPPED")
_CANCELLED = ("cancelled", "The following resource(s) failed")


@dataclass(frozen=True)
class StackEvent:
    """One line of a stack's history."""

    event_id: str
    logical_id: str
    resource_type: str
    status: str
    reason: str

    def line(self) -> str:
        """Return the event as a line for a log."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.status} {self.resource_type} {self.logical_id}{why}"

    @property
    def is_cause(self) -> bool:
        """Whether the event says why an operation failed, rather than what followed from it."""
        return self.status.endswith("_FAILED") and not any(t in self.reason for t in _CANCELLED)


def finished_and_known(events: Iterable[StackEvent], planned: int) -> tuple[int, int]:
    """Return how many resources are finished, and of how many.

    The stack itself counts as one resource: it is the last to finish. What
    the events name and the plan did not, as the replaced ones that are removed, counts too.
    """
    latest = {event.logical_id: event.status for event in events}
    finished = sum(status.endswith(_ENDS) for status in latest.values())
    return finished, max(planned + 1, len(latest))


class EventStream:
    """Reads a stack's events piece by piece."""

    def __init__(self, access: Access, stack_id: str, *, current_operation: bool = False) -> None:
        """Start at the beginning of the newest operation, or before the first event."""
        self._access = access
        self._stack_id = stack_id
        self._current_operation = current_operation
        self._seen: set[str] = set()

    def newest_token(self) -> str:
        """Return the client token of the newest operation on the stack itself."""
        for event in self._newest_first():
            if event.get("PhysicalResourceId") == self._stack_id:
                return str(event.get("ClientRequestToken", ""))
        return ""

    def fresh(self) -> list[StackEvent]:
        """Return the events since the last call, oldest first."""
        found: list[StackEvent] = []
        for event in self._newest_first():
            if event["EventId"] in self._seen:
                break
            found.append(_event(event))
            if self._current_operation and not self._seen and self._is_start(event):
                break
        self._seen.update(event.event_id for event in found)
        return found[::-1]

    def _is_start(self, event: dict[str, Any]) -> bool:
        is_of_stack = event.get("PhysicalResourceId") == self._stack_id
        return is_of_stack and event.get("ResourceStatus") in _STARTS

    def _newest_first(self) -> Any:
        pages = client("cloudformation", self._access).get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=self._stack_id):
            yield from page["StackEvents"]


def _event(event: dict[str, Any]) -> StackEvent:
    """Only the event's id is always there.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """
    return StackEvent(
        event_id=event["EventId"],
        logical_id=event.get("LogicalResourceId", ""),
        resource_type=event.get("ResourceType", ""),
        status=event.get("ResourceStatus", ""),
        reason=event.get("ResourceStatusReason", ""),
    )
