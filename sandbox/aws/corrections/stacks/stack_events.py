"""Events of stacks: which operation each belongs to, and DescribeEvents, which asks by it."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, helpers, provisioners, stacks

from tiercel.sandbox.aws.corrections.stacks.nested_stacks import nested_stack_id

_Json = dict[str, Any]

_TYPE = "AWS::CloudFormation::Stack"
# Each of these events of a stack begins an operation of its own.
_BEGINS = {
    "CREATE_IN_PROGRESS": "CREATE_STACK",
    "UPDATE_IN_PROGRESS": "UPDATE_STACK",
    "DELETE_IN_PROGRESS": "DELETE_STACK",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK",
    "UPDATE_ROLLBACK_IN_PROGRESS": "ROLLBACK",
}
_UNSPECIFIED = "One of ChangeSetName, OperationId or StackName must be specified"
_EVENT_ID = re.compile(r"<EventId>([^<]+)</EventId>")
_given: dict[tuple[str, str], Any] = {}


def give_operations_their_ids() -> None:
    """Each event has the id of its operation, and that of a resource its properties.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """
    original = stacks._add_event

    def add(stack_id: str, name: str, logical_id: str, kind: str, status: str, *more: Any) -> None:
        more = _with_nested_id(name, logical_id, kind, status, more)
        original(stack_id, name, logical_id, kind, status, *more)
        events = cloudformation._stack_events[stack_id]
        event, before = events[-1], events[-2] if len(events) > 1 else {}
        of_stack = event["PhysicalResourceId"] == stack_id
        if (of_stack and status in _BEGINS) or "OperationId" not in before:
            event["OperationId"] = str(uuid.uuid4())
            event["OperationType"] = _BEGINS.get(status, "CREATE_CHANGESET")
        else:
            event |= {key: before[key] for key in ("OperationId", "OperationType")}
        if status.endswith("_FAILED") and (name, logical_id) in _given:
            event["ResourceProperties"] = json.dumps(_given.pop((name, logical_id)), default=str)

    def add_named(*arguments: Any, **named: Any) -> None:
        order = ("reason", "physical_id", "detailed_status")
        rest = [*arguments[5:], *("" for _ in order)][: len(order)]
        given = dict(zip(order, rest, strict=True)) | named
        add(*arguments[:5], *(given[key] for key in order))

    for module in (stacks, handlers, changesets):
        module._add_event = add_named
    _keep_properties()
    _tell_more_of_each_event()


def answer_describe_events() -> None:
    """DescribeEvents tells the events of an operation, a stack or a change set.

    The emulator knows those of some operations that validation stopped.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html
    """

    def describe(parameters: Any) -> Any:
        change_set = helpers._p(parameters, "ChangeSetName")
        name = helpers._p(parameters, "StackName")
        operation = helpers._p(parameters, "OperationId")
        if change_set and not (name or change_set.startswith("arn:")):
            change_set = ""
        if not (change_set or operation or name):
            return helpers._error(
                "ValidationError",
                "One of ChangeSetName, OperationId or StackName must be specified",
            )
        if change_set:
            found = changesets._find_change_set(change_set, name)[1]
            if found is None:
                return helpers._error(
                    "ChangeSetNotFound", f"ChangeSet [{change_set}] does not exist", 404
                )
            events = list(found.get("_operation_events", ()))
        else:
            stack = handlers._resolve_stack(name) if name else None
            if name and stack is None:
                return helpers._error("ValidationError", f"Stack [{name}] does not exist")
            chosen = [stack] if stack else list(cloudformation._stacks.values())
            events = [event for one in chosen for event in _of_stack(one)]
        if operation:
            events = [one for one in events if one.get("OperationId") == operation]
        if helpers._p(parameters, "Filters.FailedEvents").lower() == "true":
            events = [one for one in events if one["EventType"] != "PROGRESS_EVENT"]
        return _answer(events, parameters)

    handlers._ACTION_HANDLERS["DescribeEvents"] = describe


def _answer(events: list[_Json], parameters: Any) -> Any:
    page, token, error = helpers._page(events, parameters, "DescribeEvents")
    if error:
        return error
    fields = (*handlers._OPERATION_EVENT_FIELDS, "ClientRequestToken", "ResourceProperties")
    members = "".join(
        "<member>" + "".join(_element(name, one[name]) for name in fields if one.get(name))
        + "</member>"
        for one in page
    )  # fmt: skip
    body = f"<DescribeEventsResult><OperationEvents>{members}</OperationEvents>{token}"
    return helpers._xml(200, "DescribeEventsResponse", body + "</DescribeEventsResult>")


def _of_stack(stack: _Json) -> Iterable[_Json]:
    events = cloudformation._stack_events.get(stack["StackId"], [])
    stopped = [one for one in events if one.get("DetailedStatus") == "VALIDATION_FAILED"]
    if stopped:  # its errors are kept under an id of their own
        same = {"OperationId": stopped[-1]["OperationId"]}
        yield from (one | same for one in stack.get("_operation_events") or ())
    for event in reversed(events):
        failed = event["ResourceStatus"].endswith("_FAILED")
        yield event | {
            "EventType": "PROVISIONING_ERROR" if failed else "PROGRESS_EVENT",
            "OperationStatus": "FAILED" if failed else "IN_PROGRESS",
        }


def _with_nested_id(
    name: str, logical_id: str, kind: str, status: str, more: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Name the nested stack in the event of its failure, which the emulator does not."""
    reason, physical_id, detail = more
    if kind == _TYPE and logical_id != name and not physical_id and status.endswith("_FAILED"):
        return reason, nested_stack_id(name, logical_id), detail
    return more


def _keep_properties() -> None:
    """Remember what a resource is given while it is made or changed."""
    create, update = stacks._provision_resource, stacks._update_resource

    def provision(kind: str, name: str, properties: Any, stack: str) -> Any:
        _given[stack, name] = properties
        made = create(kind, name, properties, stack)
        _given.pop((stack, name), None)
        return made

    def change(
        kind: str, identifier: str, old: Any, new: Any, stack: str, name: str = "", *rest: Any
    ) -> Any:
        _given[stack, name] = new
        changed = update(kind, identifier, old, new, stack, name, *rest)
        _given.pop((stack, name), None)
        return changed

    for module in (provisioners, stacks):
        module._provision_resource = provision
        module._update_resource = change


def _tell_more_of_each_event() -> None:
    original = handlers._ACTION_HANDLERS["DescribeStackEvents"]

    def describe(parameters: Any) -> Any:
        status, headers, body = original(parameters)
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
        if status != 200 or stack is None:
            return status, headers, body
        events = cloudformation._stack_events.get(stack["StackId"], ())
        known = {event["EventId"]: event for event in events}

        def more(match: re.Match[str]) -> str:
            event = known.get(match[1], {})
            names = ("OperationId", "ResourceProperties")
            return match[0] + "".join(_element(one, event[one]) for one in names if one in event)

        return status, headers, _EVENT_ID.sub(more, body.decode()).encode()

    handlers._ACTION_HANDLERS["DescribeStackEvents"] = describe


def _element(name: str, value: Any) -> str:
    return f"<{name}>{helpers._esc(str(value))}</{name}>"
