from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between, root, unique
from tests.tasks.faults import Answer, Faults, Question, error, once
from tests.tasks.stacks import Workshop, planned, queues
from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.names import Names
from tiercel.domain.stack.causes import Cause
from tiercel.domain.stack.states import StackStatus
from tiercel.tasks.stack.causes import find_causes
from tiercel.tasks.stack.waiting.operation import wait_for_stack

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")

Template = dict[str, Any]
REFUSED = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
TABLE = {"Type": "AWS::Serverless::SimpleTable"}


@pytest.fixture
def workshop(runtime: Access, preprod: Names) -> Workshop:
    return Workshop(runtime, preprod)


def of(**resources: Any) -> Template:
    return {"Resources": resources}


def paths(workshop: Workshop, stack: str, template: Template, *, release: int) -> set[str]:
    """What a release would do, as `Add Inner/Queue0`."""
    request = workshop.request(stack, template, release=release, creates=release == 1)
    plan = planned(workshop.access, request)
    return {f"{change.action} {change.path}" for change in plan.changes}


def causes_of(workshop: Workshop, template: Template, *, stack: str = "") -> list[Cause]:
    """Why a stack fails, by the events that were seen while it was waited for."""
    name = stack or workshop.name()
    workshop.start(name, template, release=2 if stack else 1)
    ended, events = wait_for_stack.fn(workshop.access, name, "test", is_new=not stack)
    assert "ROLLBACK_COMPLETE" in ended.status
    return find_causes.fn(workshop.access, name, events)


def test_a_plan_lists_what_nested_stacks_would_make_and_change_with_their_path(
    workshop: Workshop,
) -> None:
    name = workshop.name()
    innermost = workshop.nested(queues(1))
    before = of(Inner=workshop.nested(of(Deep=innermost, **queues(1)["Resources"])))
    assert paths(workshop, name, before, release=1) == {
        *("Add Inner", "Add Inner/Deep", "Add Inner/Queue0", "Add Inner/Deep/Queue0"),
    }
    assert workshop.finish(name, before).status is StackStatus.CREATE_COMPLETE

    after = of(Inner=workshop.nested(of(Deep=innermost, **queues(2)["Resources"])))

    assert paths(workshop, name, after, release=2) == {"Modify Inner", "Add Inner/Queue1"}
    assert workshop.finish(name, after, release=3).status is StackStatus.UPDATE_COMPLETE


def test_a_nested_sam_template_is_transformed(workshop: Workshop) -> None:
    nested = of(Table=TABLE) | {"Transform": "AWS::Serverless-2016-10-31"}
    name, template = workshop.name(), of(Inner=workshop.nested(nested))

    assert paths(workshop, name, template, release=1) == {"Add Inner", "Add Inner/Table"}
    assert workshop.finish(name, template).status is StackStatus.CREATE_COMPLETE


def test_a_dynamic_reference_of_a_nested_stack_is_resolved(workshop: Workshop) -> None:
    name, queue = workshop.name(), unique("orders")
    root("runtime", "ssm").put_parameter(Name=f"/{queue}", Value=queue, Type="String")
    nested = queues(1, QueueName=f"{{{{resolve:ssm:/{queue}}}}}")

    assert workshop.finish(name, of(Inner=workshop.nested(nested))).status == "CREATE_COMPLETE"

    url = root("runtime", "sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    more = of(**nested["Resources"], Other={"Type": "AWS::SQS::Queue"})
    updated = workshop.finish(name, of(Inner=workshop.nested(more)), release=2)
    assert updated.status == "UPDATE_COMPLETE"
    assert root("runtime", "sqs").get_queue_url(QueueName=queue)["QueueUrl"] == url


def test_a_stack_whose_nested_stacks_can_only_be_planned_with_it_is_planned_without_them(
    between: Between, runtime: Access, workshop: Workshop
) -> None:
    request = workshop.request(workshop.name(), of(Inner=workshop.nested(queues(1))))
    reason = b"Template error: Fn::Select cannot select nonexistent value at index 1"

    def blind(question: Question, answer: Answer) -> Answer:
        body = answer.body
        if b"Action=DescribeChangeSet" not in question.body or b"<IncludeNested" not in body:
            return answer
        done = b"<Status>CREATE_COMPLETE</Status><StatusReason>Only executable from the root "
        failed = b"<Status>FAILED</Status><StatusReason>"
        if done in body:
            return answer.saying(body.replace(done, failed + reason + b" "))
        done = b"<Status>CREATE_COMPLETE</Status><StatusReason>"
        return answer.saying(body.replace(done, failed + b"Nested change set x was not "))

    with between(blind):
        plan = planned(runtime, request)
        again = planned(runtime, request)

    assert [change.path for change in plan.changes] == ["Inner"]
    assert "Inner: Template error: Fn::Select" in plan.unseen
    assert not plan.is_empty
    assert again.change_set_id == plan.change_set_id


def test_the_cause_is_the_resource_of_the_innermost_nested_stack(workshop: Workshop) -> None:
    inner = of(Deep=workshop.nested(of(Network=REFUSED)), **queues(1)["Resources"])

    (cause,) = causes_of(workshop, of(Inner=workshop.nested(inner)))

    assert (cause.logical_id, cause.resource_type) == ("Inner/Deep/Network", "AWS::EC2::VPC")
    assert "ec2:CreateVpc" in cause.reason


def test_the_cause_of_an_update_is_none_of_an_earlier_one(workshop: Workshop) -> None:
    name = workshop.name()
    workshop.finish(name, of(Inner=workshop.nested(queues(1))))
    causes_of(workshop, of(Inner=workshop.nested(of(Network=REFUSED))), stack=name)
    wrong = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "Wrong", "Value": "x"}}

    (cause,) = causes_of(workshop, of(Inner=workshop.nested(of(Other=wrong))), stack=name)

    assert cause.logical_id == "Inner/Other"


def test_a_nested_stack_that_leaves_no_trace_of_its_own_is_the_cause_itself(
    workshop: Workshop, faults: Faults
) -> None:
    name = workshop.name()
    workshop.start(name, of(Inner=workshop.nested(of(Network=REFUSED))))
    _, events = wait_for_stack.fn(workshop.access, name, "test", is_new=True)
    faults.inject(
        once("cloudformation", "DescribeEvents", **error("AccessDenied", 403)),
        once("cloudformation", "DescribeStackEvents", **error("AccessDenied", 403)),
    )

    (cause,) = find_causes.fn(workshop.access, name, events)

    assert faults.fired() == ["DescribeEvents", "DescribeStackEvents"]
    assert cause.logical_id == "Inner"
    assert "failed to create: [Network]" in cause.reason


def test_what_validation_finds_in_an_operation_is_read_by_the_operations_id(
    runtime: Access, workshop: Workshop
) -> None:
    name, bucket = workshop.name(), unique("files")
    root("runtime", "s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": runtime.region}
    )
    files = of(Files={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}})
    root("runtime", "cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(files))
    _, events = wait_for_stack.fn(runtime, name, "test", is_new=True)

    (cause,) = find_causes.fn(runtime, name, events)

    assert cause.status == "NAME_CONFLICT_VALIDATION /Resources/Files"
    assert f"'{bucket}' already exists" in cause.reason


def test_names_that_are_taken_and_wrong_properties_fail_the_plan_with_resource_path_and_reason(
    runtime: Access, workshop: Workshop
) -> None:
    taken = unique("orders")
    root("runtime", "sqs").create_queue(QueueName=taken)
    named = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": taken}}
    wrong = {"Type": "AWS::SNS::Topic", "Properties": {"TopicNme": "x"}}
    template = of(Mine=named, Inner=workshop.nested(of(Queue=named, Topic=wrong)))

    with pytest.raises(DeployFailedError, check=because("plan.name_taken")) as failure:
        planned(runtime, workshop.request(workshop.name(), template))

    lines = failure.value.why.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Mine (AWS::SQS::Queue) NAME_CONFLICT_VALIDATION at /Resources/Mine")
    assert "/Resources/Topic/Properties/TopicNme: Unsupported property [TopicNme]" in lines[1]
    assert "Inner/Queue (AWS::SQS::Queue) NAME_CONFLICT_VALIDATION" in lines[2]
    assert f"'{taken}' already exists" in lines[2]
    assert "no resource was changed" in failure.value.state


def test_a_custom_resource_has_whatever_properties_its_provider_takes(
    runtime: Access, workshop: Workshop
) -> None:
    provider = f"arn:aws:sns:{runtime.region}:111111111111:provider"
    custom = {
        "Type": "AWS::CloudFormation::CustomResource",
        "Properties": {"ServiceToken": provider, "Endpoint": "https://example.com"},
    }
    plan = planned(runtime, workshop.request(workshop.name(), of(Custom=custom)))
    assert [one.logical_id for one in plan.changes] == ["Custom"]


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAction"])
def test_where_validation_is_not_told_the_failure_says_who_can_read_it(
    faults: Faults, runtime: Access, workshop: Workshop, code: str
) -> None:
    wrong = of(Topic={"Type": "AWS::SNS::Topic", "Properties": {"TopicNme": "x"}})
    faults.inject(once("cloudformation", "DescribeEvents", **error(code, 403)))

    with pytest.raises(DeployFailedError, check=because("plan.template_refused")) as failure:
        planned(runtime, workshop.request(workshop.name(), wrong))

    assert "AWS::EarlyValidation::PropertyValidation" in failure.value.why
    assert "aws cloudformation describe-events" in failure.value.why


def test_a_bucket_that_goes_and_is_not_empty_is_a_warning_of_the_plan(
    runtime: Access, workshop: Workshop
) -> None:
    name, bucket = workshop.name(), unique("files")
    files = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}
    workshop.finish(name, of(Files=files, **queues(1)["Resources"]))
    root("runtime", "s3").put_object(Bucket=bucket, Key="x", Body=b"x")

    plan = planned(runtime, workshop.request(name, queues(1), release=2, creates=False))

    (warning,) = plan.warnings
    assert (warning.name, warning.resource) == ("BUCKET_EMPTINESS_VALIDATION", "Files")
    assert bucket in warning.reason
    assert not plan.is_empty
