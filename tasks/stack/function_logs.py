"""The last lines that a function wrote, for a custom resource that did not say what is wrong."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from itertools import islice

from tiercel.domain.base.errors import TiercelError
from tiercel.domain.base.log_text import last_lines
from tiercel.domain.organization.access import Access
from tiercel.domain.stack.causes import log_stream
from tiercel.domain.stack.events import StackEvent
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated

_MOST_PAGES = 10
_SHOWN_LINES = 10
_LONGEST_LINE = 300
_BEFORE = timedelta(hours=2)
"""A custom resource is waited for an hour; its function began before it failed."""


def last_words(access: Access, event: StackEvent) -> tuple[str, ...]:
    """Return the last lines of the log of the function behind a custom resource that failed.

    They are what the function wrote: bounded, and without what could command a terminal. Where
    they cannot be read, one line says so.
    """
    name = event.function.partition(":function:")[2].partition(":")[0] or event.function
    return log_of(access, name, event.at, log_stream(event.reason))


def log_of(access: Access, name: str, at: datetime | None, stream: str = "") -> tuple[str, ...]:
    """Return the last lines that a function wrote since two hours before a time, likewise."""
    group = f"/aws/lambda/{name}"
    try:
        with translated("read a function's log", f"log group {group}"):
            messages = _messages(access, group, at, stream)
    except TiercelError as error:
        return (f"the log group {group} cannot be read: {error.why or error.what}",)
    lines = last_lines("\n".join(messages).encode(), _SHOWN_LINES, _LONGEST_LINE)
    return tuple(lines) or (f"the log group {group} has nothing of that time",)


def _messages(access: Access, group: str, at: datetime | None, stream: str) -> list[str]:
    """Return the newest messages: FilterLogEvents gives the oldest first."""
    which = {"logGroupName": group}
    wanted: dict[str, object] = {"logStreamNames": [stream]} if stream else {}
    if at:
        wanted["startTime"] = int((at - _BEFORE).timestamp() * 1000)
    pages = client("logs", access).get_paginator("filter_log_events").paginate(**which, **wanted)
    newest: deque[str] = deque(maxlen=10 * _SHOWN_LINES)
    for page in islice(pages, _MOST_PAGES):
        newest.extend(str(one.get("message", "")) for one in page.get("events", ()))
    return list(newest)
