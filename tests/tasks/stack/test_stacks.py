from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between, root, unique
from tests.tasks.faults import Answer, Faults, Question, error, losing_first, once
from tests.tasks.stacks import Workshop, gated, planned, queues, signal
from tiercel.domain.base.errors import DeployFailedError, UnreachableError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.release.live import StackSeen
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.tokens import change_set_name
from tiercel.tasks.aws.clients import client
from tiercel.tasks.stack.change_sets import (
    discard_plan,
    discard_refused,
    execute_plan,
    plan_changes,
)
from tiercel.tasks.stack.stacks import (
    continue_rollback,
    delete_stack,
    look_at_stacks,
    observe_stack,
    physical_id,
    protect_stack,
    roll_back_stack,
)
from tiercel.tasks.stack.waiting.operation import wait_for_stack

runtime = aws_fixtures.runtime
remover = aws_fixtures.remover
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")

SERVERLESS = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Bare": {"Type": "AWS::Serverless::Function", "Properties": {"InlineCode": "pass"}}
    },
}


@pytest.fixture
def workshop(runtime: Access, preprod: Names) -> Workshop:
    return Workshop(runtime, preprod)


def test_a_stack_that_does_not_exist_is_none(runtime: Access, workshop: Workshop) -> None:
    assert observe_stack.fn(runtime, workshop.name()) is None


def test_a_stack_of_somebody_elses_is_not_looked_at(runtime: Access) -> None:
    with pytest.raises(UnreachableError, match="not allowed to look at a stack") as failure:
        observe_stack.fn(runtime, "somebody-elses")

    assert "account 222222222222, region eu-central-1" in failure.value.where


def test_a_plan_says_what_will_change_and_changes_nothing(
    runtime: Access, workshop: Workshop
) -> None:
    request = workshop.request(workshop.name(), queues(3))

    plan = planned(runtime, request)

    assert plan.summary() == "3 to add, 0 to modify, 0 to remove"
    assert plan.template_sha256 == request.template_sha256
    stack = workshop.observed(request.stack)
    assert stack.status is StackStatus.REVIEW_IN_PROGRESS
    assert stack.token == ""
    assert look_at_stacks.fn(runtime, [request.stack]) == [StackSeen(exists=False)]
    assert physical_id(runtime, request.stack, "Queue0") is None


def test_a_stack_is_created_updated_and_deleted_and_shows_the_token_of_its_newest_operation(
    runtime: Access, remover: Access, workshop: Workshop
) -> None:
    name = workshop.name()

    assert workshop.finish(name, queues(1)).status is StackStatus.CREATE_COMPLETE
    created = workshop.observed(name)
    assert workshop.finish(name, queues(2), release=2).status is StackStatus.UPDATE_COMPLETE
    updated = workshop.observed(name)

    assert (created.token, updated.token) == ("release-1-attempt-1", "release-2-attempt-1")
    delete_stack.fn(remover, updated, "delete-release-3")
    deleted, _ = wait_for_stack.fn(runtime, updated.stack_id, "test")
    assert deleted.status is StackStatus.DELETE_COMPLETE
    assert observe_stack.fn(runtime, name) is None
    assert observe_stack.fn(runtime, updated.stack_id) is None


def test_a_deleted_stack_that_is_waited_for_by_name_has_vanished(
    runtime: Access, workshop: Workshop
) -> None:
    with pytest.raises(DeployFailedError, check=because("stack.vanished")):
        wait_for_stack.fn(runtime, workshop.name(), "test")


def test_the_outputs_of_a_stack_are_read(workshop: Workshop) -> None:
    template = queues(1) | {"Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Queue0", "QueueName"]}}}}

    stack = workshop.finish(workshop.name(), template)

    assert stack.outputs["Name"].startswith(stack.name)


def test_a_plan_without_changes_is_empty_and_can_be_discarded_twice(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))

    plan = planned(runtime, workshop.request(name, queues(1), release=2, creates=False))

    assert plan.is_empty
    discard_plan.fn(runtime, plan)
    discard_plan.fn(runtime, plan)
    assert workshop.observed(name).token == "release-1-attempt-1"


def test_what_a_refused_plan_left_goes_and_what_cannot_go_is_only_told(
    runtime: Access, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    stacks = client("cloudformation", runtime)
    request = workshop.request(workshop.name(), queues(1))
    planned(runtime, request)

    discard_refused.fn(runtime, request)
    discard_refused.fn(runtime, request)

    assert stacks.list_change_sets(StackName=request.stack)["Summaries"] == []
    assert "stays" not in caplog.text
    discard_refused.fn(runtime, replace(request, stack="somebody-elses"))
    assert f"change set {request.name} stays" in caplog.text


def test_a_plan_that_changes_outputs_alone_lists_no_change_and_is_executed(
    workshop: Workshop,
) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))

    plan, token = workshop.start(name, queues(1) | {"Outputs": {"New": {"Value": "x"}}}, release=2)

    assert not plan.changes
    assert not plan.is_empty
    assert workshop.wait(name).status is StackStatus.UPDATE_COMPLETE
    assert workshop.observed(name).outputs == {"New": "x"}
    assert workshop.observed(name).token == token


def on_two_pages(question: Question, answer: Answer) -> Answer:
    """Put the first half of a change set's changes on one page and the rest on another.

    The sandbox answers with all changes at once, AWS does not.
    """
    if b"Action=DescribeChangeSet" not in question.body:
        return answer
    changes = re.findall(
        rb"<member><Type>Resource</Type>.*?</ResourceChange></member>", answer.body
    )
    half = len(changes) // 2
    is_second = b"NextToken=second" in question.body
    body = answer.body
    for change in changes[:half] if is_second else changes[half:]:
        body = body.replace(change, b"")
    return answer.saying(
        body
        if is_second
        else body.replace(b"</Changes>", b"</Changes><NextToken>second</NextToken>")
    )


def test_a_plan_of_two_pages_is_read_to_its_end(
    between: Between, runtime: Access, workshop: Workshop
) -> None:
    request = workshop.request(workshop.name(), queues(7))

    with between(on_two_pages):
        plan = planned(runtime, request)

    assert [change.logical_id for change in plan.changes] == [f"Queue{n}" for n in range(7)]


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ({"Resources": {"Wrong": {"Type": "AWS::No::Such"}}}, "AWS::No::Such"),
        (queues(1) | {"Parameters": {"Needed": {"Type": "String"}}}, "Needed"),
        (SERVERLESS, "Runtime and Handler"),
    ],
    ids=["unknown-type", "missing-parameter", "refused-by-sam"],
)
def test_a_template_that_is_refused_is_explained_in_awss_own_words(
    runtime: Access, workshop: Workshop, template: dict[str, Any], reason: str
) -> None:
    with pytest.raises(DeployFailedError) as failure:
        planned(runtime, workshop.request(workshop.name(), template))

    assert reason in failure.value.why
    assert "no resource was changed" in failure.value.state
    assert "correct the template" in failure.value.remedy


def test_what_was_made_only_to_be_shown_is_left_nowhere_though_it_was_refused(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))
    shown = workshop.request(name, queues(2), release=2, creates=False)
    planned(runtime, shown)
    formation = root("runtime", "cloudformation")

    def left() -> list[str]:
        found = formation.list_change_sets(StackName=name)["Summaries"]
        return [one["ChangeSetName"] for one in found if one["ChangeSetName"] == shown.name]

    assert left() == [shown.name]
    for _ in range(2):
        discard_refused.fn(runtime, shown)
        assert left() == []
    discard_refused.fn(runtime, replace(shown, stack="somebody-elses"))


def test_a_plan_with_another_service_role_is_not_allowed(
    runtime: Access, workshop: Workshop
) -> None:
    request = workshop.request(workshop.name(), queues(1))

    with pytest.raises(UnreachableError, match="not allowed to create a change set"):
        planned(runtime, replace(request, service_role=f"{request.service_role}-admin"))


def test_a_plan_whose_creation_was_not_confirmed_is_adopted(
    between: Between, runtime: Access, workshop: Workshop
) -> None:
    request = workshop.request(workshop.name(), queues(2))
    alter, statuses = losing_first("POST", b"Action=CreateChangeSet")

    with between(alter):
        plan = planned(runtime, request)

    assert len(statuses) == 2
    assert statuses[0] == 200
    assert plan.summary() == "2 to add, 0 to modify, 0 to remove"
    assert planned(runtime, request) == plan


@pytest.mark.parametrize("other", ["template", "parameters"])
def test_a_plan_of_the_same_name_that_was_made_from_something_else_is_not_adopted(
    runtime: Access, workshop: Workshop, other: str
) -> None:
    template = queues(1) | {"Parameters": {"Size": {"Type": "String", "Default": "small"}}}
    request = workshop.request(workshop.name(), template, Size="large")
    planned(runtime, request)
    changed = queues(2) | {"Parameters": template["Parameters"]}
    wanted = {
        "template": workshop.request(request.stack, changed, Size="large"),
        "parameters": workshop.request(request.stack, template, Size="huge"),
    }[other]

    with pytest.raises(DeployFailedError, check=because("plan.not_adopted")) as failure:
        planned(runtime, wanted)

    assert failure.value.state == "no resource was changed"


@pytest.mark.parametrize(
    ("status", "execution"),
    [
        ("CREATE_COMPLETE", "OBSOLETE"),
        ("CREATE_COMPLETE", "UNAVAILABLE"),
        ("CREATE_COMPLETE", "EXECUTE_FAILED"),
        ("DELETE_IN_PROGRESS", "UNAVAILABLE"),
    ],
)
def test_a_plan_that_cannot_be_executed_is_not_adopted(
    between: Between, runtime: Access, workshop: Workshop, status: str, execution: str
) -> None:
    request = workshop.request(workshop.name(), queues(1))
    planned(runtime, request)

    def outrun(_: Question, answer: Answer) -> Answer:
        body = answer.body.replace(b">AVAILABLE<", f">{execution}<".encode())
        return answer.saying(body.replace(b">CREATE_COMPLETE<", f">{status}<".encode()))

    with (
        between(outrun),
        pytest.raises(DeployFailedError, check=because("plan.not_adopted")) as failure,
    ):
        planned(runtime, request)

    assert f"{status} and {execution}" in failure.value.why


def test_there_is_no_plan_where_another_was_executed_before_it_could_be_read(
    between: Between, runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    others = planned(runtime, workshop.request(name, queues(1)))
    begun: list[bytes] = []

    def execute_first(question: Question, answer: Answer) -> Answer:
        if b"Action=CreateChangeSet" in question.body and not begun:
            begun.append(question.body)
            execute_plan.fn(runtime, others, change_set_name(1, 1))
            wait_for_stack.fn(runtime, name, "test")
        return answer

    with between(execute_first):
        assert plan_changes.fn(runtime, workshop.request(name, queues(2), release=2)) is None


def test_an_execution_that_was_not_confirmed_has_begun_once(
    between: Between, runtime: Access, workshop: Workshop
) -> None:
    request = workshop.request(workshop.name(), gated())
    plan = planned(runtime, request)
    alter, statuses = losing_first("POST", b"Action=ExecuteChangeSet")

    with between(alter):
        execute_plan.fn(runtime, plan, request.name)

    assert len(statuses) == 2
    execute_plan.fn(runtime, plan, request.name)
    signal(request.stack, "SUCCESS")
    stack, events = wait_for_stack.fn(runtime, request.stack, "test")
    assert stack.status is StackStatus.CREATE_COMPLETE
    starts = [e for e in events if e.logical_id == stack.name and e.status == "CREATE_IN_PROGRESS"]
    assert len(starts) == 1
    execute_plan.fn(runtime, plan, request.name)


def test_there_is_no_plan_where_another_run_of_the_same_release_has_executed_it(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))

    assert plan_changes.fn(runtime, workshop.request(name, queues(1))) is None


def test_another_releases_plan_of_a_stack_that_exists_is_no_reason_to_adopt(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))

    request = workshop.request(name, queues(1), release=2, creates=True)
    assert plan_changes.fn(runtime, request) is None


def test_a_plan_that_another_release_has_executed_is_an_error(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    plan, _ = workshop.start(name, queues(1))
    wait_for_stack.fn(runtime, name, "test")

    with pytest.raises(UnreachableError, match="cannot execute a change set"):
        execute_plan.fn(runtime, plan, "release-9-attempt-1")


@pytest.mark.parametrize("operation", ["DescribeStacks", "DescribeStackEvents"])
def test_access_denied_while_looking_at_a_stack_is_said_with_a_remedy(
    faults: Faults, runtime: Access, workshop: Workshop, operation: str
) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))
    faults.inject(once("cloudformation", operation, **error("AccessDenied", 403)))

    with pytest.raises(UnreachableError, match="not allowed to") as failure:
        observe_stack.fn(runtime, name)

    assert faults.fired() == [operation]
    assert name in failure.value.where
    assert failure.value.remedy


def test_a_creation_that_fails_is_rolled_back_and_its_cause_is_among_the_events(
    runtime: Access, remover: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.start(name, gated())
    signal(name, "FAILURE")

    stack, events = wait_for_stack.fn(runtime, name, "test")

    assert stack.status is StackStatus.ROLLBACK_COMPLETE
    assert stack.tags == {"tiercel:service": "test"}, "what is left still says whose it is"
    causes = [event for event in events if event.is_cause]
    assert [(cause.logical_id, cause.status) for cause in causes] == [("Gate", "CREATE_FAILED")]
    delete_stack.fn(remover, stack, "delete-1")
    deleted, _ = wait_for_stack.fn(runtime, stack.stack_id, "test")
    assert deleted.status is StackStatus.DELETE_COMPLETE


def test_a_first_create_that_fails_may_leave_nothing_behind_but_its_cause(
    runtime: Access, workshop: Workshop
) -> None:
    request = replace(workshop.request(workshop.name(), gated()), deleted_on_failure=True)
    plan = planned(runtime, request)
    execute_plan.fn(runtime, plan, request.name)
    signal(request.stack, "FAILURE")

    stack, events = wait_for_stack.fn(runtime, plan.stack_id, "test", is_new=True)

    assert stack.status is StackStatus.DELETE_COMPLETE
    assert [event.logical_id for event in events if event.is_cause] == ["Gate"]
    assert observe_stack.fn(runtime, request.stack) is None


def test_an_update_is_planned_alike_whether_a_first_create_may_be_removed(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))
    request = workshop.request(name, queues(2), release=2, creates=False)
    assert planned(runtime, replace(request, deleted_on_failure=True)).executable


def test_a_protected_stack_says_so_and_stays(
    runtime: Access, remover: Access, workshop: Workshop
) -> None:
    stack = workshop.finish(workshop.name(), queues(1))
    assert not stack.protected

    protect_stack.fn(runtime, stack)
    protect_stack.fn(runtime, stack)

    assert workshop.observed(stack.name).protected
    with pytest.raises(UnreachableError, match="TerminationProtection"):
        delete_stack.fn(remover, stack, "delete-1")


def test_whoever_releases_deletes_no_stack(runtime: Access, workshop: Workshop) -> None:
    stack = workshop.finish(workshop.name(), queues(1))
    with pytest.raises(UnreachableError, match="not allowed to delete a stack"):
        delete_stack.fn(runtime, stack, "delete-1")


def test_an_update_that_fails_ends_where_it_began(runtime: Access, workshop: Workshop) -> None:
    name = workshop.name()
    workshop.finish(name, queues(1))
    workshop.start(name, gated(), release=2)
    signal(name, "FAILURE")

    stack, _ = wait_for_stack.fn(runtime, name, "test")

    assert stack.status is StackStatus.UPDATE_ROLLBACK_COMPLETE
    assert stack.tags == {"tiercel:service": "test"}
    assert physical_id(runtime, name, "Queue0") is not None


def test_a_creation_that_failed_without_a_rollback_can_be_rolled_back(
    runtime: Access, workshop: Workshop
) -> None:
    request = workshop.request(workshop.name(), gated())
    plan = planned(runtime, request)
    root("runtime", "cloudformation").execute_change_set(
        ChangeSetName=plan.change_set_id, StackName=plan.stack, DisableRollback=True
    )
    signal(request.stack, "FAILURE")
    failed, _ = wait_for_stack.fn(runtime, request.stack, "test")
    assert failed.status is StackStatus.CREATE_FAILED

    roll_back_stack.fn(runtime, failed, "roll-back-1")

    rolled_back, _ = wait_for_stack.fn(runtime, request.stack, "test")
    assert rolled_back.status is StackStatus.ROLLBACK_COMPLETE
    assert workshop.observed(request.stack).token == "roll-back-1"


def test_a_rollback_that_did_not_fail_is_not_continued(runtime: Access, workshop: Workshop) -> None:
    stack = workshop.finish(workshop.name(), queues(1))

    with pytest.raises(UnreachableError, match="cannot continue a rollback") as failure:
        continue_rollback.fn(runtime, stack, "continue-1")

    assert stack.name in failure.value.where


def test_a_deletion_that_fails_says_why_and_can_be_repeated(
    runtime: Access, remover: Access, workshop: Workshop
) -> None:
    bucket = unique(f"{workshop.names.prefix}full")
    properties = {"BucketName": bucket}
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}}
    stack = workshop.finish(workshop.name(), template)
    objects = root("runtime", "s3")
    objects.put_object(Bucket=bucket, Key="key", Body=b"")

    delete_stack.fn(remover, stack, "delete-1")
    failed, events = wait_for_stack.fn(runtime, stack.stack_id, "test")

    assert failed.status is StackStatus.DELETE_FAILED
    assert "Bucket" in failed.reason
    assert "not empty" in next(e.reason for e in events if e.is_cause and e.logical_id == "Bucket")
    objects.delete_object(Bucket=bucket, Key="key")
    delete_stack.fn(remover, stack, "delete-2")
    assert wait_for_stack.fn(runtime, stack.stack_id, "test")[0].status == "DELETE_COMPLETE"


def test_a_stack_is_deleted_by_its_id_so_that_its_successor_stays(
    runtime: Access, remover: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    first = workshop.finish(name, queues(1))
    delete_stack.fn(remover, first, "delete-1")
    wait_for_stack.fn(runtime, first.stack_id, "test")
    second = workshop.finish(name, queues(1))

    delete_stack.fn(remover, first, "delete-2")

    assert second.stack_id != first.stack_id
    assert workshop.observed(name).status is StackStatus.CREATE_COMPLETE


def test_a_resource_is_found_by_its_logical_id(runtime: Access, workshop: Workshop) -> None:
    stack = workshop.finish(workshop.name(), queues(1))

    assert stack.name in str(physical_id(runtime, stack.stack_id, "Queue0"))
    assert physical_id(runtime, stack.stack_id, "NoSuchThing") is None


def test_a_change_set_that_another_run_has_executed_needs_no_plan(
    runtime: Access, workshop: Workshop
) -> None:
    name = workshop.name()
    _, token = workshop.start(name, queues(1))
    assert plan_changes.fn(runtime, workshop.request(name, queues(1))) is None
    stack = workshop.wait(name)
    assert plan_changes.fn(runtime, workshop.request(name, queues(1))) is None
    assert workshop.observed(stack.name).token == token
