"""Why an operation on a stack failed, down to the nested stack that has the reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.organization.access import Access
from tiercel.domain.stack.causes import (
    Cause,
    causes_in,
    causes_of_operation,
    failed_operations,
    is_silent,
    without_followers,
)
from tiercel.domain.stack.events import StackEvent
from tiercel.domain.stack.validations import path_of
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.stack.events import EventStream
from tiercel.tasks.stack.function_logs import last_words
from tiercel.tasks.stack.operation_events import events_of_operation

_MOST_STACKS = 50
_MOST_EVENTS = 2_000
"""Of one nested stack: it has at most 500 resources, and few of them fail."""
_MOST_OPERATIONS = 5
_MOST_LOGS = 3


@dataclass(frozen=True)
class _Failed:
    """A stack whose operation failed, by its events; `path` is empty for the one deployed."""

    path: str
    events: Sequence[StackEvent]


@world_task("find causes", "find causes of {stack}")
def find_causes(access: Access, stack: str, events: Sequence[StackEvent]) -> list[Cause]:
    """Return why an operation failed, whose events were seen; nested stacks are looked into.

    To each failed operation DescribeEvents adds what validations and hooks found, where AWS has
    it. A custom resource that did not answer comes with the last lines of its function's log.
    What cannot be read is left out, with a warning: the failure itself is known.
    """
    waiting, causes, explained = deque([_Failed("", events)]), list[Cause](), list[str]()
    logs = _MOST_LOGS
    since = min((one.at for one in events if one.at), default=None)
    for _ in range(_MOST_STACKS):
        if not waiting:
            break
        failed = waiting.popleft()
        found = causes_in(failed.events, failed.path)
        found += _of_operations(access, failed, stack)
        if found and failed.path:
            explained.append(failed.path)
        for event in failed.events:
            if logs and is_silent(event):
                logs -= 1
                found = _with_log(access, found, event, failed.path)
        causes += found
        waiting += _nested(access, failed, since, stack)
    return without_followers(causes, explained)


def _of_operations(access: Access, failed: _Failed, stack: str) -> list[Cause]:
    found: list[Cause] = []
    for stack_id, operation in failed_operations(failed.events)[:_MOST_OPERATIONS]:
        try:
            with translated("read an operation's events", f"stack {stack}"):
                told = events_of_operation(access, stack_id, operation) or ()
                found += causes_of_operation(told, failed.path)
        except TiercelError as error:
            run_logger().warning("the events of operation %s are not read: %s", operation, error)
    return found


def _nested(
    access: Access, failed: _Failed, since: datetime | None, stack: str
) -> Iterator[_Failed]:
    """Yield the nested stacks that failed, with what happened to them since the operation began.

    A nested stack has events of earlier operations, and of its deletion.
    """
    for event in _last_of_each(failed.events):
        path = path_of(failed.path, event.logical_id)
        try:
            with translated("read a nested stack's events", f"stack {stack}, nested stack {path}"):
                stream = EventStream(access, event.nested_stack)
                read = list(islice(stream.newest_first(), _MOST_EVENTS))
        except TiercelError as error:
            run_logger().warning("the events of nested stack %s are not read: %s", path, error)
            continue
        mine = [one for one in read if not since or not one.at or one.at >= since]
        yield _Failed(path, mine[::-1])


def _last_of_each(events: Sequence[StackEvent]) -> list[StackEvent]:
    nested = {one.nested_stack: one for one in events if one.nested_stack}
    return list(nested.values())


def _with_log(
    access: Access, causes: list[Cause], event: StackEvent, nested_in: str
) -> list[Cause]:
    """Return the causes with what the function wrote for that of the event."""
    path = path_of(nested_in, event.logical_id)
    lines = last_words(access, event)
    return [
        replace(one, log=lines) if (one.logical_id, one.reason) == (path, event.reason) else one
        for one in causes
    ]
