"""Labels of a repository and of its pull requests, under the addresses of issues.

https://docs.github.com/en/rest/issues/labels
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from tiercel.sandbox.github.memory.activities import IssueEvent, Label, PullRequestRecord
from tiercel.sandbox.github.operations.calls import (
    Answer,
    ApiCall,
    Body,
    Route,
    longer_than,
    read,
    write,
)
from tiercel.sandbox.github.operations.pulls.pulls import pull_of, teller
from tiercel.sandbox.github.rules.errors import ApiError, invalid, not_found
from tiercel.sandbox.github.views.pulls import issue_event, labels_of
from tiercel.sandbox.github.views.pulls import label as label_view

_COLOR = re.compile(r"[0-9a-fA-F]{6}")
_DEFAULT_COLOR = "ededed"
_NAME_LIMIT = 50
_PERMISSIONS = ("issues", "pull_requests")


class LabelWish(Body):
    """The body of the operation that creates a label."""

    resource: ClassVar[str] = "Label"

    name: str
    color: str = _DEFAULT_COLOR
    description: str = ""


class LabelNames(Body):
    """The body of the operations that label a pull request; the list may come without a name."""

    resource: ClassVar[str] = "Label"

    labels: list[str] = Field(default_factory=list)


def _list_labels(call: ApiCall) -> Answer:
    found = call.world.store.find(Label, call.repository.id)
    return call.page(found, lambda label: label_view(call.world, call.repository, label))


def _create_label(call: ApiCall) -> Answer:
    wish = call.parse(LabelWish)
    if not _COLOR.fullmatch(wish.color):
        raise invalid("Label", "color")
    if call.world.store.one(Label, call.repository.id, wish.name.lower()):
        raise invalid("Label", "name", "already_exists")
    return Answer(201, label_view(call.world, call.repository, _new_label(call, wish)))


def _new_label(call: ApiCall, wish: LabelWish) -> Label:
    if not wish.name.strip():
        raise invalid("Label", "name", "missing_field")
    longer_than("Label", "name", wish.name, _NAME_LIMIT)
    return call.world.store.put(
        Label(
            id=call.world.store.next_id(),
            repository=call.repository.id,
            name=wish.name,
            color=wish.color,
            description=wish.description or None,
        )
    )


def _named(call: ApiCall) -> list[Label]:
    """Return the labels that the body names; new ones are created, as GitHub does."""
    found = []
    for name in _names(call):
        known = call.world.store.one(Label, call.repository.id, name.lower())
        found.append(known or _new_label(call, LabelWish(name=name)))
    return found


def _names(call: ApiCall) -> list[str]:
    if call.raw_body.lstrip().startswith(b"["):
        call = replace(call, raw_body=b'{"labels":' + call.raw_body + b"}")
    return call.parse(LabelNames).labels


def _show_labels(call: ApiCall) -> Answer:
    return _labels(call, pull_of(call, "issue_number"))


def _add_labels(call: ApiCall) -> Answer:
    pull, named = pull_of(call, "issue_number"), _named(call)
    if not named and call.raw_body.strip() not in {b"", b"{}"}:
        raise invalid("Label", "labels", "missing_field")
    return _change_labels(call, pull, [*labels_of(call.world, pull), *named])


def _set_labels(call: ApiCall) -> Answer:
    return _change_labels(call, pull_of(call, "issue_number"), _named(call))


def _remove_label(call: ApiCall) -> Answer:
    pull = pull_of(call, "issue_number")
    name = call.parameters["name"].lower()
    labels = labels_of(call.world, pull)
    if name not in {label.key for label in labels}:
        raise ApiError(not_found().refusal, message="Label does not exist")
    return _change_labels(call, pull, [label for label in labels if label.key != name])


def _change_labels(call: ApiCall, pull: PullRequestRecord, labels: list[Label]) -> Answer:
    before = {label.id: label for label in labels_of(call.world, pull)}
    after = {label.id: label for label in labels}
    update: dict[str, Any] = {"labels": list(after), "updated_at": call.world.now()}
    pull = call.world.store.put(pull.model_copy(update=update))
    for identifier in after.keys() - before.keys():
        _tell(call, "labeled", pull, after[identifier])
    for identifier in before.keys() - after.keys():
        _tell(call, "unlabeled", pull, before[identifier])
    return _labels(call, pull)


def _tell(
    call: ApiCall, event: Literal["labeled", "unlabeled"], pull: PullRequestRecord, label: Label
) -> None:
    call.world.store.put(
        IssueEvent(
            id=call.world.store.next_id(),
            repository=call.repository.id,
            number=pull.number,
            event=event,
            actor=call.user.id,
            label=label.name,
            color=label.color,
            created_at=call.world.now(),
        )
    )
    teller(call).labeled(event, pull, label)


def _list_events(call: ApiCall) -> Answer:
    """Of all events of an issue those about its labels; the others are not modelled."""
    pull = pull_of(call, "issue_number")
    found = call.world.store.find(IssueEvent, call.repository.id, pull.key)
    return call.page(found, lambda one: issue_event(call.world, call.repository, one))


def _labels(call: ApiCall, pull: PullRequestRecord) -> Answer:
    labels = labels_of(call.world, pull)
    return Answer(200, [label_view(call.world, call.repository, label) for label in labels])


_REPO = "/repos/{owner}/{repo}"
_LABELS = f"{_REPO}/issues/{{issue_number}}/labels"
ROUTES = (
    Route("GET", f"{_REPO}/labels", _list_labels, read(*_PERMISSIONS)),
    Route("POST", f"{_REPO}/labels", _create_label, write(*_PERMISSIONS)),
    Route("GET", f"{_REPO}/issues/{{issue_number}}/events", _list_events, read(*_PERMISSIONS)),
    Route("GET", _LABELS, _show_labels, read(*_PERMISSIONS)),
    Route("POST", _LABELS, _add_labels, write(*_PERMISSIONS)),
    Route("PUT", _LABELS, _set_labels, write(*_PERMISSIONS)),
    Route("DELETE", f"{_LABELS}/{{name}}", _remove_label, write(*_PERMISSIONS)),
)
