from __future__ import annotations

import pytest

from tiercel.domain.stack.events import StackEvent, finished_and_known, goes_back, tells_the_end


def event(logical_id: str, status: str) -> StackEvent:
    return StackEvent(f"{logical_id}-{status}", logical_id, "AWS::SQS::Queue", status, "")


@pytest.mark.parametrize(
    ("events", "planned", "expected"),
    [
        ([], 2, (0, 3)),
        ([("stack", "CREATE_IN_PROGRESS"), ("A", "CREATE_IN_PROGRESS")], 2, (0, 3)),
        ([("A", "CREATE_IN_PROGRESS"), ("A", "CREATE_COMPLETE")], 2, (1, 3)),
        ([("A", "CREATE_FAILED"), ("B", "DELETE_SKIPPED"), ("stack", "X_COMPLETE")], 2, (3, 3)),
        ([("A", "UPDATE_COMPLETE"), ("A", "DELETE_IN_PROGRESS")], 0, (0, 1)),
        ([("A", "X_COMPLETE"), ("B", "X_COMPLETE"), ("C", "X_COMPLETE")], 1, (3, 3)),
    ],
)
def test_a_wait_knows_how_many_resources_are_finished(
    events: list[tuple[str, str]], planned: int, expected: tuple[int, int]
) -> None:
    assert finished_and_known([event(*one) for one in events], planned) == expected


@pytest.mark.parametrize(
    ("status", "reason", "is_cause"),
    [
        ("CREATE_FAILED", "Access denied", True),
        ("UPDATE_FAILED", "", True),
        ("DELETE_FAILED", "The bucket you tried to delete is not empty", True),
        ("CREATE_FAILED", "Resource creation cancelled", False),
        ("UPDATE_FAILED", "Resource update cancelled", False),
        ("ROLLBACK_FAILED", "The following resource(s) failed to delete: [A].", False),
        ("CREATE_COMPLETE", "", False),
        ("ROLLBACK_IN_PROGRESS", "Access denied", False),
    ],
)
def test_a_cause_is_a_failure_that_did_not_follow_from_another(
    status: str, reason: str, is_cause: bool
) -> None:
    assert StackEvent("1", "Queue", "AWS::SQS::Queue", status, reason).is_cause is is_cause


def test_an_event_is_one_line() -> None:
    plain = StackEvent("1", "Queue", "AWS::SQS::Queue", "CREATE_COMPLETE", "")
    reasoned = StackEvent("1", "Queue", "AWS::SQS::Queue", "CREATE_FAILED", "no quota")

    assert plain.line() == "CREATE_COMPLETE AWS::SQS::Queue Queue"
    assert reasoned.line() == "CREATE_FAILED AWS::SQS::Queue Queue: no quota"


@pytest.mark.parametrize(
    ("physical_id", "status", "expected"),
    [
        ("stack-id", "UPDATE_COMPLETE", True),
        ("stack-id", "ROLLBACK_FAILED", True),
        ("stack-id", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False),
        ("nested-stack-id", "UPDATE_COMPLETE", False),
    ],
)
def test_the_end_of_an_operation_is_told_by_the_stacks_own_event(
    physical_id: str, status: str, expected: bool
) -> None:
    told = StackEvent(
        "1", "it", "AWS::CloudFormation::Stack", status, "", physical_id, stack_id="stack-id"
    )
    assert tells_the_end([told]) is expected


@pytest.mark.parametrize(
    ("physical_id", "status", "expected"),
    [
        ("stack-id", "UPDATE_ROLLBACK_IN_PROGRESS", True),
        ("stack-id", "ROLLBACK_COMPLETE", True),
        ("stack-id", "UPDATE_IN_PROGRESS", False),
        ("nested-stack-id", "UPDATE_ROLLBACK_IN_PROGRESS", False),
    ],
)
def test_that_a_stack_goes_back_is_told_by_its_own_event(
    physical_id: str, status: str, expected: bool
) -> None:
    told = StackEvent(
        "1", "it", "AWS::CloudFormation::Stack", status, "", physical_id, stack_id="stack-id"
    )
    assert goes_back([told]) is expected
