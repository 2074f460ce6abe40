"""A stack's events, oldest first and none twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tiercel.domain.organization.access import Access
from tiercel.domain.stack.events import StackEvent
from tiercel.tasks.aws.clients import client

_STARTS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


class EventStream:
    """Reads a stack's events piece by piece."""

    def __init__(self, access: Access, stack_id: str, *, current_operation: bool = False) -> None:
        """Start at the beginning of the newest operation, or before the first event."""
        self._access = access
        self._stack_id = stack_id
        self._current_operation = current_operation
        self._seen: set[str] = set()
        self.token = ""
        """The client token of the newest operation on the stack itself, as far as was read."""

    def newest_token(self) -> str:
        """Return the client token of the newest operation on the stack itself."""
        own = (event for event in self._pages() if self._is_of_stack(event))
        return _token(next(own, {}))

    def newest_first(self) -> Iterator[StackEvent]:
        """Yield every event, page by page as they are asked for."""
        return map(_event, self._pages())

    def fresh(self) -> list[StackEvent]:
        """Return the events since the last call, oldest first."""
        found: list[StackEvent] = []
        newest: dict[str, Any] | None = None
        for event in self._pages():
            if event["EventId"] in self._seen:
                break
            if newest is None and self._is_of_stack(event):
                newest = event
            found.append(_event(event))
            if self._current_operation and not self._seen and self._is_start(event):
                break
        self._seen.update(event.event_id for event in found)
        self.token = _token(newest) if newest else self.token
        return found[::-1]

    def _is_of_stack(self, event: dict[str, Any]) -> bool:
        return bool(event.get("PhysicalResourceId") == self._stack_id)

    def _is_start(self, event: dict[str, Any]) -> bool:
        return self._is_of_stack(event) and event.get("ResourceStatus") in _STARTS

    def _pages(self) -> Any:
        pages = client("cloudformation", self._access).get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=self._stack_id):
            yield from page["StackEvents"]


def _token(event: dict[str, Any]) -> str:
    return str(event.get("ClientRequestToken", ""))


def _event(event: dict[str, Any]) -> StackEvent:
    """Only the event's id is always there.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """
    refused = _refused_by_a_hook(event)
    return StackEvent(
        event_id=event["EventId"],
        logical_id=event.get("LogicalResourceId", ""),
        resource_type=event.get("ResourceType", ""),
        status=event["HookStatus"] if refused else event.get("ResourceStatus", ""),
        reason=refused or event.get("ResourceStatusReason", ""),
        physical_id=event.get("PhysicalResourceId", ""),
        stack_id=event.get("StackId", ""),
        operation=event.get("OperationId", ""),
        properties=event.get("ResourceProperties", ""),
        at=event.get("Timestamp"),
    )


def _refused_by_a_hook(event: dict[str, Any]) -> str:
    """Return what a hook says that stops a resource: its event has fields of its own for that."""
    failed = str(event.get("HookStatus", "")).endswith("_FAILED")
    if not failed or event.get("HookFailureMode") == "WARN":
        return ""
    return f"hook {event.get('HookType', '')}: {event.get('HookStatusReason', 'no reason')}"
