"""Which of all that CloudFormation tells is why an operation failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiercel.domain.stack.events import StackEvent
from tiercel.domain.stack.validations import path_of, validations_of

SANDBOX_CANNOT = "The sandbox cannot do this"
"""How every reason begins that is about the emulator alone, and nothing that AWS would say."""

# What CloudFormation says of a custom resource whose own words are elsewhere.
_SILENT = re.compile(
    r"did not receive a response from your Custom Resource|failed to stabilize in expected time|"
    r"See the details in CloudWatch Log Stream",
    re.IGNORECASE,
)
_STREAM = re.compile(r"See the details in CloudWatch Log Stream: ?(\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Cause:
    """A resource that failed, and CloudFormation's own reason.

    `logical_id` is its path from the stack that was deployed. `log` are the last lines of the
    function behind a custom resource that told nothing itself.
    """

    logical_id: str
    resource_type: str
    status: str
    reason: str
    log: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the cause as it stands in a failure."""
        reason = self.reason or "no reason"
        first = f"{self.logical_id} ({self.resource_type}) {self.status}: {reason}"
        return [first, *(f"  log: {line}" for line in self.log)]

    @property
    def is_the_sandboxs(self) -> bool:
        """Whether only the sandbox fails here."""
        return SANDBOX_CANNOT in self.reason


def causes_in(events: Iterable[StackEvent], nested_in: str = "") -> list[Cause]:
    """Return what failed by itself in one stack, in the order of the events, each once."""
    told = list(events)
    found = [one for one in told if one.is_cause] or [one for one in told if one.is_cancellation]
    return _each_once(
        Cause(path_of(nested_in, one.logical_id), one.resource_type, one.status, one.reason)
        for one in found
    )


def causes_of_operation(events: Iterable[Mapping[str, Any]], nested_in: str = "") -> list[Cause]:
    """Return the causes that only DescribeEvents has: validations and hooks that failed."""
    return [
        Cause(one.resource, one.resource_type, f"{one.name} {one.path}".strip(), one.reason)
        for one in validations_of(events, nested_in)
        if not one.warns
    ]


def without_followers(causes: Sequence[Cause], explained: Iterable[str]) -> list[Cause]:
    """Leave out the nested stacks whose own causes are known."""
    known = set(explained)
    return _each_once(one for one in causes if one.logical_id not in known)


def failed_operations(events: Iterable[StackEvent]) -> list[tuple[str, str]]:
    """Return stack and id of the operations in which something failed, the first ones first."""
    ids = (
        (one.stack_id, one.operation)
        for one in events
        if one.status.endswith("_FAILED") and one.operation
    )
    return list(dict.fromkeys(ids))


def is_silent(event: StackEvent) -> bool:
    """Tell whether a custom resource failed without saying why."""
    return event.is_cause and bool(event.function) and bool(_SILENT.search(event.reason))


def log_stream(reason: str) -> str:
    """Return the log stream that a reason points to, empty if it names none."""
    found = _STREAM.search(reason)
    return found[1].rstrip(".,;)") if found else ""


def _each_once(causes: Iterable[Cause]) -> list[Cause]:
    return list(dict.fromkeys(causes))
