"""Whether CloudFormation is asked about a pull request, and with which values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.topology import topology_of
from tests.unit.review.test_situations import pull
from tiercel.domain.artifact.manifest import TemplateParameter
from tiercel.domain.organization.access import deployer
from tiercel.domain.organization.names import Names
from tiercel.domain.organization.services import Service
from tiercel.domain.review.stack_plans import StackPlan, not_asked, not_planned, planned_values
from tiercel.domain.stack.plan import Change, Plan
from tiercel.domain.stack.states import StackStatus
from tiercel.tasks.verification.unexecuted_plans import planner

TOPOLOGY = topology_of("acme/*")


@pytest.mark.parametrize(
    ("base", "fork", "is_new", "said"),
    [
        ("develop", False, False, ""),
        ("develop", True, False, "it comes from a fork"),
        ("develop", False, True, "it is new, and a change set would leave an empty stack"),
        ("main", False, False, "the worker of preprod must not reach prod"),
        ("feature/y", False, False, "the base branch feeds no environment"),
    ],
)
def test_cloudformation_is_asked_for_the_environment_that_verifies_alone(
    base: str, fork: bool, is_new: bool, said: str
) -> None:
    found = not_asked(TOPOLOGY, pull("feature/x", base, from_fork=fork), is_new=is_new)
    assert found == said


PLANNED = {
    "CREATE_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE", "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
}  # fmt: skip


def test_a_stack_is_planned_only_in_a_status_from_which_a_deploy_updates_it() -> None:
    assert {status.value for status in StackStatus if not not_planned(status)} == PLANNED
    assert "no stack yet" in not_planned(None)


def service(**changes: Any) -> Service:
    values = {"name": "orders", "path": "orders", "parameters": {"Size": "2"}} | changes
    return Service.model_validate(values)


def declared(name: str, *, required: bool = True) -> TemplateParameter:
    return TemplateParameter(name=name, required=required)


def test_values_are_those_that_a_deploy_would_give_or_stay_as_they_are() -> None:
    parameters = [declared(one) for one in ("Size", "Bucket", "Url", "New")]
    parameters += [declared("Left", required=False), declared("Kept", required=False)]
    live = {"Url": "https://a", "Kept": "old", "Size": "1", "Gone": "x"}
    found = planned_values(service(), "preprod", parameters, {"Bucket": "b", "Other": "o"}, live)
    assert found.values == {"Size": "2", "Bucket": "b", "Url": "https://a"}
    assert found.previous == ("Url",)
    assert found.lacking == ("New",)


def test_a_value_that_another_service_may_give_stays_as_it_is() -> None:
    one = service(depends_on=["storage"])
    found = planned_values(one, "preprod", [declared("Kept", required=False)], {}, {"Kept": "a"})
    assert found.previous == ("Kept",)


def test_nothing_of_a_plan_is_kept_but_names() -> None:
    change = Change(action="Add", logical_id="Q", resource_type="AWS::SQS::Queue")
    plan = Plan(
        stack="s", change_set_id="arn", template_sha256="a", parameters={"P": "hunter2"},
        changes=(change,), executable=True, unseen="Inner: hunter2",
    )  # fmt: skip
    found = StackPlan.of(plan)
    assert found == StackPlan(changes=(change,), unseen=True)
    assert "hunter2" not in found.model_dump_json()
    empty = plan.model_copy(update={"changes": (), "unseen": ""})
    assert StackPlan.of(empty) == StackPlan(outputs_only=True)
    assert StackPlan.of(empty.model_copy(update={"executable": False})) == StackPlan()


def test_the_policy_of_a_session_fits_what_sts_takes_whatever_the_names() -> None:
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: 2,048 characters
    names = Names.of(topology_of(), "preprod")
    longest = Names("o" * 16, names.environment.model_copy(update={"name": "e" * 10}))
    access = planner.fn(deployer(longest, "run"), longest, longest.stack("s" * 40), 10**9)
    assert len(access.policy) <= 2_048
    assert "*" not in {
        action for one in json.loads(access.policy)["Statement"] for action in one["Action"]
    }
