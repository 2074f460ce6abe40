from __future__ import annotations

import json
from typing import Any

import pytest

from tiercel.domain.stack.causes import (
    SANDBOX_CANNOT,
    Cause,
    causes_in,
    causes_of_operation,
    failed_operations,
    is_silent,
    log_stream,
    without_followers,
)
from tiercel.domain.stack.events import StackEvent

STACK = "arn:aws:cloudformation:eu-central-1:222222222222:stack/acme-preprod-orders/1"
NESTED = "arn:aws:cloudformation:eu-central-1:222222222222:stack/acme-preprod-orders-Inner/2"
CHILD = "AWS::CloudFormation::Stack"


def event(
    name: str, status: str, reason: str, kind: str = "AWS::SQS::Queue", physical: str = "q"
) -> StackEvent:
    return StackEvent(name, name, kind, status, reason, physical_id=physical, stack_id=STACK)


def own(status: str, reason: str) -> StackEvent:
    return event("acme-preprod-orders", status, reason, CHILD, STACK)


CANCELLED = event("Other", "CREATE_FAILED", "Resource creation cancelled")
FOLLOWED = own("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Queue]. ")
EXPORT = "Export orders:Arn cannot be deleted as it is in use by acme-preprod-shop"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([CANCELLED, event("Queue", "CREATE_FAILED", "no quota"), FOLLOWED], ["Queue"]),
        ([own("UPDATE_ROLLBACK_IN_PROGRESS", EXPORT)], ["acme-preprod-orders"]),
        ([own("CREATE_FAILED", "Template error: no such output")], ["acme-preprod-orders"]),
        ([own("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")], ["acme-preprod-orders"]),
        (
            [
                event("Queue", "UPDATE_FAILED", "no quota"),
                own("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated"),
            ],
            ["Queue"],
        ),
        ([own("CREATE_FAILED", "Validation failed with 1 error(s). Call DescribeEvents")], []),
        ([own("UPDATE_FAILED", "")], []),
        ([event("Queue", "CREATE_FAILED", "Order cancelled by its owner")], ["Queue"]),
        ([CANCELLED, FOLLOWED], []),
    ],
)
def test_a_cause_is_what_failed_by_itself_and_a_reason_that_only_the_stack_has(
    events: list[StackEvent], expected: list[str]
) -> None:
    assert [cause.logical_id for cause in causes_in(events)] == expected


def test_a_cause_in_a_nested_stack_has_its_path_and_stands_for_the_nested_stack() -> None:
    failed = event("Inner", "CREATE_FAILED", "Embedded stack was not created", CHILD, NESTED)
    inner = causes_in([event("Queue", "CREATE_FAILED", "no quota")], "Inner")

    assert failed.nested_stack == NESTED
    assert [one.logical_id for one in inner] == ["Inner/Queue"]
    assert without_followers([*causes_in([failed]), *inner], ["Inner"]) == inner


@pytest.mark.parametrize(
    "other",
    [
        own("CREATE_FAILED", "x"),
        event("Inner", "CREATE_COMPLETE", "", CHILD, NESTED),
        event("Inner", "CREATE_FAILED", "Resource creation cancelled", CHILD, NESTED),
        event("Inner", "CREATE_FAILED", "TemplateURL must be a URL", CHILD, ""),
        event("Queue", "CREATE_FAILED", "x", physical=NESTED),
    ],
)
def test_only_a_nested_stack_that_failed_by_itself_is_looked_into(other: StackEvent) -> None:
    assert other.nested_stack == ""


def custom(reason: str, properties: str) -> StackEvent:
    failed = event("Made", "CREATE_FAILED", reason, "Custom::Made")
    return StackEvent(**{**vars(failed), "properties": properties})


FUNCTION = "arn:aws:lambda:eu-central-1:222222222222:function:maker"
TOKEN = json.dumps({"ServiceToken": FUNCTION})
SILENT = "CloudFormation did not receive a response from your Custom Resource. Please check"


@pytest.mark.parametrize(
    ("reason", "properties", "expected"),
    [
        (SILENT, TOKEN, True),
        ("Custom Resource failed to stabilize in expected time.", TOKEN, True),
        ("See the details in CloudWatch Log Stream: 2026/a", TOKEN, True),
        ("no such zone", TOKEN, False),
        (SILENT, json.dumps({"ServiceToken": "arn:aws:sns:eu-central-1:2:topic"}), False),
        (SILENT, json.dumps({"ServiceToken": ["x"]}), False),
        (SILENT, "[]", False),
        (SILENT, "{", False),
        (SILENT, "", False),
    ],
)  # fmt: skip
def test_a_custom_resource_that_tells_nothing_is_known_by_its_words_and_its_function(
    reason: str, properties: str, expected: bool
) -> None:
    assert is_silent(custom(reason, properties)) is expected


def test_the_log_stream_that_a_reason_names_is_the_one_that_is_read() -> None:
    named = "See the details in CloudWatch Log Stream: 2026/11/30/[$LATEST]abc."
    assert log_stream(named) == "2026/11/30/[$LATEST]abc"
    assert log_stream(SILENT) == ""


def test_only_operations_in_which_something_failed_are_asked_for() -> None:
    def of(operation: str, status: str) -> StackEvent:
        return StackEvent(**{**vars(event("Queue", status, "x")), "operation": operation})

    events = [of("a", "CREATE_FAILED"), of("b", "DELETE_COMPLETE"), of("a", "CREATE_FAILED")]
    assert failed_operations(events) == [(STACK, "a")]
    assert failed_operations([of("", "CREATE_FAILED")]) == []


def operation_event(**more: Any) -> dict[str, Any]:
    return {
        "LogicalResourceId": "Queue",
        "ResourceType": "AWS::SQS::Queue",
        "EventType": "VALIDATION_ERROR",
        "ValidationName": "PROPERTY_VALIDATION",
        "ValidationStatus": "FAILED",
        "ValidationFailureMode": "FAIL",
        "ValidationPath": "/Resources/Queue/Properties/X",
        "ValidationStatusReason": "Unsupported property [X]",
    } | more


HOOK = {
    "EventType": "HOOK_INVOCATION_ERROR",
    "HookType": "Acme::Safe::Hook",
    "HookFailureMode": "FAIL",
    "HookStatusReason": "buckets must be encrypted",
}


@pytest.mark.parametrize(
    ("told", "status", "reason"),
    [
        (
            operation_event(),
            "PROPERTY_VALIDATION /Resources/Queue/Properties/X",
            "Unsupported property [X]",
        ),
        (operation_event(**HOOK), "hook Acme::Safe::Hook", "buckets must be encrypted"),
    ],
)
def test_validations_and_hooks_of_an_operation_are_causes(
    told: dict[str, Any], status: str, reason: str
) -> None:
    expected = Cause("Inner/Queue", "AWS::SQS::Queue", status, reason)
    assert causes_of_operation([told, told], "Inner") == [expected]


@pytest.mark.parametrize(
    "told",
    [
        operation_event(ValidationFailureMode="WARN"),
        operation_event(ValidationStatus="SKIPPED"),
        operation_event(**HOOK | {"HookFailureMode": "WARN"}),
        operation_event(EventType="PROGRESS_EVENT"),
        {},
    ],
)
def test_what_does_not_stop_an_operation_is_no_cause(told: dict[str, Any]) -> None:
    assert causes_of_operation([told]) == []


def test_the_lines_of_a_log_stand_below_its_cause() -> None:
    cause = Cause("Made", "Custom::Made", "CREATE_FAILED", SILENT, ("KeyError: 'QUEUE'",))
    assert cause.lines()[1:] == ["  log: KeyError: 'QUEUE'"]
    assert not cause.is_the_sandboxs
    assert Cause("Made", "X", "CREATE_FAILED", f"{SANDBOX_CANNOT}: x").is_the_sandboxs
