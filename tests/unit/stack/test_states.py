from __future__ import annotations

import pytest
from botocore.loaders import Loader

from tiercel.domain.stack.states import (
    ByHand,
    StackGoal,
    StackStatus,
    Step,
    decide,
    is_success,
    is_terminal,
)

# status, step to deploy or to roll back, step to delete; "!" is by hand in production.
TABLE = """
none                                          create             nothing
REVIEW_IN_PROGRESS                            create             delete
CREATE_IN_PROGRESS                            wait               wait
CREATE_FAILED                                 roll_back_stack!   delete
CREATE_COMPLETE                               update             delete
ROLLBACK_IN_PROGRESS                          wait               wait
ROLLBACK_FAILED                               delete_first!      delete
ROLLBACK_COMPLETE                             delete_first!      delete
DELETE_IN_PROGRESS                            wait               wait
DELETE_FAILED                                 delete_first!      delete
DELETE_COMPLETE                               create             nothing
UPDATE_IN_PROGRESS                            wait               wait
UPDATE_COMPLETE_CLEANUP_IN_PROGRESS           wait               wait
UPDATE_COMPLETE                               update             delete
UPDATE_FAILED                                 roll_back_stack    delete
UPDATE_ROLLBACK_IN_PROGRESS                   wait               wait
UPDATE_ROLLBACK_FAILED                        continue_rollback  delete
UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS  wait               wait
UPDATE_ROLLBACK_COMPLETE                      update             delete
IMPORT_IN_PROGRESS                            wait               wait
IMPORT_COMPLETE                               update             delete
IMPORT_ROLLBACK_IN_PROGRESS                   wait               wait
IMPORT_ROLLBACK_FAILED                        refuse             delete
IMPORT_ROLLBACK_COMPLETE                      update             delete
"""
ROWS = [tuple(line.split()) for line in TABLE.strip().splitlines()]
EVERY_STATUS = [None, *StackStatus]


def status_of(text: str) -> StackStatus | None:
    return None if text == "none" else StackStatus(text)


def botocore_statuses() -> set[str]:
    model = Loader().load_service_model("cloudformation", "service-2")
    return set(model["shapes"]["StackStatus"]["enum"])


def test_every_status_that_botocore_knows_is_known_and_no_other() -> None:
    assert set(StackStatus) == botocore_statuses()


def test_the_table_has_one_row_for_every_status_and_one_for_no_stack() -> None:
    assert len(ROWS) == len(EVERY_STATUS)
    assert {status_of(row[0]) for row in ROWS} == set(EVERY_STATUS)


@pytest.mark.parametrize("production", [False, True])
@pytest.mark.parametrize(("status", "step", "_"), ROWS)
def test_a_deploy_takes_the_step_of_the_table(
    status: str, step: str, _: str, production: bool
) -> None:
    action = decide(status_of(status), StackGoal.DEPLOY, production=production)
    by_hand = production and step.endswith("!")
    assert action.step == (Step.REFUSE if by_hand else Step(step.rstrip("!")))
    assert action.by_hand == (ByHand.DELETE if by_hand else None)


@pytest.mark.parametrize(("status", "_", "step"), ROWS)
def test_a_deletion_outside_production_takes_the_step_of_the_table(
    status: str, _: str, step: str
) -> None:
    action = decide(status_of(status), StackGoal.DELETE, production=False)
    assert action.step == Step(step)
    assert action.by_hand is None


@pytest.mark.walks("stack-is-protected")
@pytest.mark.parametrize("production", [False, True])
@pytest.mark.parametrize("goal", StackGoal)
@pytest.mark.parametrize("status", EVERY_STATUS)
def test_a_stack_that_is_protected_is_never_deleted(
    status: StackStatus | None, goal: StackGoal, production: bool
) -> None:
    free = decide(status, goal, production=production)
    action = decide(status, goal, production=production, protected=True)
    if free.step in {Step.DELETE, Step.DELETE_FIRST}:
        assert (action.step, action.by_hand) == (Step.REFUSE, ByHand.UNPROTECT)
    else:
        assert action == free


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_no_stack_of_production_is_ever_deleted_because_someone_wants_it_gone(
    status: StackStatus | None,
) -> None:
    action = decide(status, StackGoal.DELETE, production=True)
    assert action.step in {Step.REFUSE, Step.WAIT, Step.NOTHING}


@pytest.mark.parametrize("status", EVERY_STATUS)
@pytest.mark.parametrize("intent", StackGoal)
@pytest.mark.parametrize("production", [False, True])
def test_every_action_says_why_and_every_refusal_what_to_do(
    status: StackStatus | None, intent: StackGoal, production: bool
) -> None:
    action = decide(status, intent, production=production)
    assert action.reason
    assert bool(action.remedy) == (action.step is Step.REFUSE)


@pytest.mark.parametrize("status", StackStatus)
@pytest.mark.parametrize("intent", StackGoal)
@pytest.mark.parametrize("production", [False, True])
def test_a_stack_is_waited_for_exactly_while_cloudformation_works_on_it(
    status: StackStatus, intent: StackGoal, production: bool
) -> None:
    action = decide(status, intent, production=production)
    assert (action.step is Step.WAIT) == (not is_terminal(status))


@pytest.mark.parametrize(
    ("status", "terminal"),
    [
        (StackStatus.REVIEW_IN_PROGRESS, True),
        (StackStatus.CREATE_COMPLETE, True),
        (StackStatus.ROLLBACK_FAILED, True),
        (StackStatus.CREATE_IN_PROGRESS, False),
        (StackStatus.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS, False),
    ],
)
def test_a_status_is_terminal_when_nothing_more_happens_by_itself(
    status: StackStatus, terminal: bool
) -> None:
    assert is_terminal(status) is terminal


def test_a_deploy_succeeds_only_where_the_new_template_is_in_force() -> None:
    assert {status for status in StackStatus if is_success(status)} == {
        StackStatus.CREATE_COMPLETE,
        StackStatus.UPDATE_COMPLETE,
        StackStatus.IMPORT_COMPLETE,
    }


def test_a_deletion_succeeds_only_when_the_stack_is_gone() -> None:
    found = {status for status in StackStatus if is_success(status, StackGoal.DELETE)}
    assert found == {StackStatus.DELETE_COMPLETE}
