from __future__ import annotations

import pytest

from tests.support.releases import NOON, STACK
from tiercel.domain.base.errors import (
    DeployFailedError,
    InterruptedRunError,
    LeaseLostError,
    RefusedInputError,
    SmokeTestFailedError,
    SupersededError,
    TiercelError,
    TransientError,
    UnreachableError,
)
from tiercel.domain.release.ledger import Outcome, ReleaseStatus
from tiercel.domain.release.outcomes import Course, failure, success
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.domain.stack.states import StackStatus

LIVE = Stack(
    stack_id="arn:stack",
    name=STACK,
    status=StackStatus.UPDATE_COMPLETE,
    reason="",
    outputs={"Url": "https://x"},
    token="release-7-attempt-1",
)
PLAN = Plan(
    stack=STACK,
    stack_id="arn:stack",
    change_set_id="arn:change-set",
    template_sha256="c" * 64,
    parameters={},
    changes=(),
    executable=True,
)
COURSE = Course(
    at=NOON, seconds=12.5, durations={"stage": 1.0}, stack=LIVE, plan=PLAN, answer="200 OK"
)


@pytest.mark.parametrize(
    ("error", "status", "deployed"),
    [
        (DeployFailedError("test.failed", "x"), ReleaseStatus.FAILED, False),
        (RefusedInputError("test.failed", "x"), ReleaseStatus.FAILED, False),
        (TiercelError("test.failed", "x"), ReleaseStatus.FAILED, False),
        (SmokeTestFailedError("test.failed", "x"), ReleaseStatus.FAILED, True),
        (SupersededError("test.failed", "x"), ReleaseStatus.SUPERSEDED, False),
    ],
)
def test_a_failure_is_written_down_with_what_the_stack_runs_since(
    error: TiercelError, status: ReleaseStatus, deployed: bool
) -> None:
    ended = failure(error, COURSE)
    assert ended
    assert (ended.status, ended.deployed, ended.failure) == (status, deployed, error.failure)
    assert ended.message == str(error)
    assert (ended.at, ended.seconds, ended.durations) == (NOON, 12.5, {"stage": 1.0})
    assert (ended.stack_id, ended.plan_digest, ended.change_set) == (
        "arn:stack",
        PLAN.digest,
        "arn:change-set",
    )
    assert (ended.stack_token, ended.outputs) == ("", {})


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("test.failed", "x"),
        TransientError("test.failed", "x"),
        LeaseLostError("test.failed", "x"),
        InterruptedRunError("test.failed", "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_release_whose_end_nobody_knows_stays_open(error: TiercelError) -> None:
    assert failure(error, COURSE) is None


def test_a_release_that_failed_before_it_saw_a_stack_names_none() -> None:
    ended = failure(DeployFailedError("test.failed", "x"), Course(at=NOON, seconds=1.0))
    assert ended
    assert (ended.stack_id, ended.plan_digest, ended.change_set) == ("", "", "")


def test_a_success_has_what_the_stack_says_and_the_plan_that_did_it() -> None:
    ended = success(LIVE, COURSE)
    assert (ended.status, ended.deployed) == (ReleaseStatus.SUCCEEDED, True)
    assert (ended.stack_id, ended.stack_token) == (LIVE.stack_id, LIVE.token)
    assert (ended.outputs, ended.smoke_test) == (LIVE.outputs, "200 OK")
    assert (ended.plan_digest, ended.change_set) == (PLAN.digest, "arn:change-set")
    assert success(LIVE, Course(at=NOON, seconds=1.0)).plan_digest == ""


def test_a_failure_is_written_down_as_data_beside_its_text() -> None:
    error = RefusedInputError("test.refused", "refused", where="orders", remedy="mend it")
    written = failure(error, COURSE)
    assert written
    read = Outcome.model_validate_json(written.model_dump_json())
    assert read.failure == error.failure
    assert read.message == str(error)


def test_an_entry_of_a_version_that_wrote_no_data_is_read_for_ever() -> None:
    written = failure(RefusedInputError("test.refused", "refused"), COURSE)
    assert written
    old = written.model_dump(mode="json", exclude={"failure"})
    assert Outcome.model_validate(old).failure is None
    assert Outcome.model_validate(old).message == "refused"
