"""What a change set says: its own changes, those of nested ones, and what validation found."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tiercel.domain.organization.access import Access
from tiercel.domain.stack.nested import has_no_changes
from tiercel.domain.stack.plan import Change, Overwritten, change_of, overwritten_of
from tiercel.domain.stack.validations import Validation, path_of, validations_of
from tiercel.tasks.aws.clients import client
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.stack.operation_events import events_of_change_set
from tiercel.tasks.stack.stacks import FIRST_POLL_SECONDS, longer

_AT_WORK = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
_MOST_NESTED = 200


@dataclass
class ChangeSetContents:
    """A finished change set, with all that are nested in it.

    `description` is the answer about the set itself. `failures` are the reasons of nested ones,
    by path. `overwrites` is what a drift-aware one brings back. `unread` has the change sets whose
    validations AWS does not tell.
    """

    description: Mapping[str, Any]
    changes: list[Change] = field(default_factory=list)
    overwrites: list[Overwritten] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    validations: list[Validation] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether it failed for another reason than that nothing would change."""
        return self.description["Status"] == "FAILED" and not has_no_changes(self.reason)

    @property
    def reason(self) -> str:
        """CloudFormation's reason of its status."""
        return str(self.description.get("StatusReason", ""))


def read_change_set(access: Access, stack: str, name: str) -> ChangeSetContents:
    """Wait until CloudFormation has computed a change set and those nested in it; read them all.

    The outermost fails as soon as one of the nested does, while others are still at work.
    """
    description, changes = _finished(access, StackName=stack, ChangeSetName=name)
    contents = ChangeSetContents(description)
    waiting = deque([("", description, changes)])
    for _ in range(_MOST_NESTED):
        if not waiting:
            break
        path, one, changes = waiting.popleft()
        contents.changes += [change_of(change, path) for change in changes]
        contents.overwrites += filter(None, (overwritten_of(change, path) for change in changes))
        _validate(access, contents, one, path)
        for change in changes:
            if change.get("ChangeSetId"):
                below = path_of(path, change["LogicalResourceId"])
                nested = _finished(access, ChangeSetName=change["ChangeSetId"])
                _note_failure(contents, below, nested[0])
                waiting.append((below, *nested))
    return contents


def _finished(access: Access, **which: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """Return the last page of the answer, and the changes of all."""
    delay = FIRST_POLL_SECONDS
    while True:
        pages = client("cloudformation", access).get_paginator("describe_change_set")
        found = list(pages.paginate(**which))  # type: ignore[arg-type]
        if found[-1]["Status"] not in _AT_WORK:
            changes = (change for page in found for change in page.get("Changes", ()))
            return found[-1], [change["ResourceChange"] for change in changes]
        pause(delay)
        delay = longer(delay)


def _note_failure(contents: ChangeSetContents, path: str, nested: Mapping[str, Any]) -> None:
    reason = str(nested.get("StatusReason", ""))
    if nested["Status"] == "FAILED" and not has_no_changes(reason):
        contents.failures[path] = reason


def _validate(
    access: Access, contents: ChangeSetContents, one: Mapping[str, Any], path: str
) -> None:
    events = events_of_change_set(access, one["ChangeSetId"])
    if events is None:
        contents.unread.append(one["ChangeSetId"])
    contents.validations += validations_of(events or (), path)
