"""What functions wrote of their failures: the newest lines of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from botocore.exceptions import ClientError

from tiercel.domain.base.text import printable
from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, translated
from tiercel.tasks.engine.task import world_task

_TERMS = ("ERROR", "Exception", '"Task timed out"')
"""What Lambda, its runtimes and most loggers write of a failure. Each is asked for by itself."""
_MOST_PAGES = 10
_LONGEST_LINE = 400


@dataclass(frozen=True)
class LoggedError:
    """One message in which a function tells of a failure: when, and on one line what."""

    at: datetime
    text: str


@dataclass(frozen=True)
class FunctionErrors:
    """What one function told, the oldest first. There may be newer errors if it is not `whole`."""

    function: str
    errors: tuple[LoggedError, ...]
    whole: bool


@world_task("read function errors", "read errors of function {function}")
def read_function_errors(
    access: Access, function: str, since: datetime, most: int
) -> FunctionErrors:
    """Return the newest messages of a function's own log group that tell of a failure.

    A function that never ran has no group, and told nothing. FilterLogEvents gives the oldest
    first, so that of a function which fails all the time the newest may lie beyond what is read:
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """
    group = f"/aws/lambda/{function}"
    found: dict[str, LoggedError] = {}
    whole = True
    for term in _TERMS:
        with translated("read a function's log", f"log group {group}"):
            try:
                events, read = _events(access, group, term, since, most)
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                break
        found |= events
        whole = whole and read
    newest = sorted(found.values(), key=lambda one: one.at)[-most:]
    return FunctionErrors(function, tuple(newest), whole)


def _events(
    access: Access, group: str, term: str, since: datetime, most: int
) -> tuple[dict[str, LoggedError], bool]:
    """Return the newest events that have a term, by their ids, and whether there are no more."""
    asked = {"logGroupName": group, "filterPattern": term}
    start = int(since.timestamp() * 1000)
    paginator = client("logs", access).get_paginator("filter_log_events")
    pages = iter(paginator.paginate(startTime=start, **asked))
    newest: deque[tuple[str, LoggedError]] = deque(maxlen=most)
    more = False
    for page in islice(pages, _MOST_PAGES):
        newest.extend(_told(one) for one in page.get("events", ()))
        more = "nextToken" in page
    return dict(newest), not more


def _told(event: dict[str, object]) -> tuple[str, LoggedError]:
    at = datetime.fromtimestamp(int(str(event["timestamp"])) / 1000, UTC)
    text = printable(str(event.get("message", "")), _LONGEST_LINE)
    return str(event.get("eventId", "")), LoggedError(at, text)
