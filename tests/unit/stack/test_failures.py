from __future__ import annotations

import pytest

from tiercel.domain.accounts.by_hand import StackByHand
from tiercel.domain.base.errors import DeployFailedError, ExitCode
from tiercel.domain.stack.causes import SANDBOX_CANNOT, Cause
from tiercel.domain.stack.failures import deploy_failure, template_refused
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.validations import NAME_CONFLICT, Validation

FAILED = Cause("Queue", "AWS::SQS::Queue", "CREATE_FAILED", "Value 5 is out of range")


def failure(
    status: StackStatus = StackStatus.UPDATE_ROLLBACK_COMPLETE,
    reason: str = "",
    causes: list[Cause] | None = None,
) -> DeployFailedError:
    return deploy_failure(
        "acme-preprod-orders", "account 222222222222", status, reason, causes or []
    )


def test_a_failure_names_stack_account_resource_reason_state_and_remedy() -> None:
    failed = failure(causes=[FAILED]).failure
    assert (failed.code, failed.what) == (
        "stack.failed",
        "stack acme-preprod-orders ended as UPDATE_ROLLBACK_COMPLETE",
    )
    assert {part.label: text for part, text in failed.parts().items()} == {
        "where": "account 222222222222",
        "why": "Queue (AWS::SQS::Queue) CREATE_FAILED: Value 5 is out of range",
        "now": "the stack runs the previous version again",
        "do": "correct the resource in the template; then release again",
    }


def test_a_failure_of_a_deploy_has_its_own_exit_code() -> None:
    assert failure().exit_code is ExitCode.DEPLOY_FAILED


def test_every_resource_that_failed_has_a_line_in_the_order_given() -> None:
    other = Cause("Topic", "AWS::SNS::Topic", "UPDATE_FAILED", "Access Denied")
    lines = failure(causes=[FAILED, other]).why.splitlines()
    assert [line.split()[0] for line in lines] == ["Queue", "Topic"]


@pytest.mark.parametrize(
    ("reason", "causes", "expected"),
    [
        ("Transform failed", [], "Transform failed"),
        ("", [], "CloudFormation gives no reason"),
        ("Rollback requested", [FAILED], "Queue (AWS::SQS::Queue) CREATE_FAILED: "),
        ("", [Cause("Queue", "AWS::SQS::Queue", "CREATE_FAILED", "")], "no reason"),
    ],
)
def test_there_is_always_a_reason_and_the_resources_own_comes_first(
    reason: str, causes: list[Cause], expected: str
) -> None:
    why = failure(reason=reason, causes=causes).why
    assert expected in why
    assert not (causes and reason in why and reason)


@pytest.mark.parametrize("status", list(StackStatus))
def test_every_status_has_a_state_and_a_remedy(status: StackStatus) -> None:
    error = failure(status)
    assert status in error.what
    assert error.state
    assert error.remedy


@pytest.mark.parametrize(
    ("status", "state", "remedy"),
    [
        (StackStatus.ROLLBACK_COMPLETE, "removed again", "deletes the empty stack first"),
        (StackStatus.ROLLBACK_FAILED, "some resources are left", "deletes what is left first"),
        (StackStatus.UPDATE_ROLLBACK_FAILED, "between two versions", "continues the rollback"),
        (StackStatus.UPDATE_ROLLBACK_COMPLETE, "previous version", "then release again"),
        (StackStatus.DELETE_FAILED, "half deleted", "deletes the rest first"),
        (StackStatus.DELETE_COMPLETE, "are removed again", "then release again"),
    ],
)
def test_the_state_says_what_is_left_and_the_remedy_what_the_next_release_does(
    status: StackStatus, state: str, remedy: str
) -> None:
    assert state in failure(status).state
    assert remedy in failure(status).remedy


def test_what_is_left_to_an_administrator_stands_in_place_of_what_the_next_release_does() -> None:
    error = deploy_failure("s", "account", StackStatus.DELETE_FAILED, "", [], by_hand="RUN THIS")
    assert "RUN THIS; then release again" in error.remedy
    assert "deletes the rest first" not in error.remedy


GAP = Cause("Document", "AWS::SSM::Document", "CREATE_FAILED", f"{SANDBOX_CANNOT}: it has none")


def test_what_only_the_sandbox_cannot_do_is_no_fault_of_the_template() -> None:
    error = failure(causes=[GAP])
    assert error.code == "stack.sandbox_cannot"
    assert "correct the" not in error.remedy
    assert failure(causes=[GAP, FAILED]).code == "stack.failed"
    assert failure(reason=GAP.reason).code == "stack.sandbox_cannot"
    assert refused(f"Template format error: {GAP.reason}").code == "stack.sandbox_cannot"


TAKEN = Validation(
    name=NAME_CONFLICT, resource="Inner/Queue", resource_type="AWS::SQS::Queue", path="/Resources/Q"
)
FULL = TAKEN.model_copy(update={"name": "BUCKET_EMPTINESS_VALIDATION", "warns": True})
WRONG = TAKEN.model_copy(update={"name": "PROPERTY_VALIDATION", "reason": "no such property"})


def refused(reason: str, *validations: Validation) -> DeployFailedError:
    return template_refused("acme-preprod-orders", "account", reason, "nothing", validations)


@pytest.mark.parametrize(
    ("validations", "code", "lines"),
    [
        ([], "plan.template_refused", ["see DescribeEvents"]),
        ([WRONG], "plan.template_refused", [WRONG.line()]),
        ([FULL, TAKEN, WRONG], "plan.name_taken", [
            TAKEN.line(), WRONG.line(), f"warning: {FULL.line()}",
        ]),
        ([FULL], "plan.template_refused", ["see DescribeEvents", f"warning: {FULL.line()}"]),
    ],
)  # fmt: skip
def test_what_validation_found_is_the_reason_and_warnings_come_last(
    validations: list[Validation], code: str, lines: list[str]
) -> None:
    error = refused("see DescribeEvents", *validations)
    assert (error.code, error.why.splitlines()) == (code, lines)
    assert "no reason" in WRONG.model_copy(update={"reason": ""}).line()


def stack(*, protected: bool) -> StackByHand:
    arn = "arn:aws:cloudformation:eu-central-1:444444444444:stack/acme-prod-orders/1"
    return StackByHand(arn, "444444444444", "eu-central-1", protected=protected)


def test_a_stack_that_is_deleted_by_hand_is_named_by_its_id_and_loses_its_protection_first() -> (
    None
):
    deletes = f"delete-stack --stack-name {stack(protected=True).stack_id} --region eu-central-1"
    assert deletes in stack(protected=False).deletion()
    assert "termination" not in stack(protected=False).deletion()
    protected = stack(protected=True).deletion()
    assert protected.index("--no-enable-termination-protection") < protected.index(deletes)
    assert "444444444444" in protected


def test_protection_is_turned_on_and_off_by_the_command_that_aws_has() -> None:
    on, off = stack(protected=False).protection(), stack(protected=True).end_of_protection()
    assert " --enable-termination-protection --stack-name arn:" in on
    assert " --no-enable-termination-protection --stack-name arn:" in off
