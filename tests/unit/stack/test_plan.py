from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.stack.plan import Change, Plan, change_of, overwritten_of
from tiercel.domain.stack.validations import Validation

ADD = Change(action="Add", logical_id="Queue", resource_type="AWS::SQS::Queue")
MODIFY = Change(
    action="Modify",
    logical_id="Table",
    resource_type="AWS::DynamoDB::Table",
    replacement="False",
    properties=("Tags",),
)


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "stack": "acme-preprod-orders",
        "change_set_id": "arn:aws:cloudformation:eu-central-1:222222222222:changeSet/a/1",
        "template_sha256": "a" * 64,
        "parameters": {"LogLevel": "info"},
        "changes": (ADD, MODIFY),
        "executable": True,
    }
    return Plan(**values | changes)


@given(st.text())
def test_the_id_of_the_change_set_is_no_part_of_the_digest(change_set_id: str) -> None:
    assert plan(change_set_id=change_set_id).digest == plan().digest


def test_what_is_warned_of_and_not_seen_is_no_part_of_the_digest() -> None:
    warning = Validation(name="X", resource="Files", resource_type="AWS::S3::Bucket", warns=True)
    assert plan(warnings=(warning,), unseen="no such").digest == plan().digest


def test_a_nested_change_is_none_of_the_stacks_own() -> None:
    nested = ADD.model_copy(update={"nested_in": "Inner"})
    assert nested.path == "Inner/Queue"
    assert plan(changes=(ADD, nested)).own == (ADD,)
    assert plan(changes=(ADD, nested)).summary().startswith("2 to add")


def test_parameters_in_another_order_have_the_same_digest() -> None:
    one, other = {"A": "1", "B": "2"}, {"B": "2", "A": "1"}
    assert plan(parameters=one).digest == plan(parameters=other).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"stack": "acme-preprod-catalog"},
        {"template_sha256": "b" * 64},
        {"parameters": {}},
        {"parameters": {"LogLevel": "debug"}},
        {"changes": ()},
        {"changes": (MODIFY, ADD)},
        {"changes": (ADD,)},
    ]
    + [
        {"changes": (ADD, MODIFY.model_copy(update=update))}
        for update in (
            {"action": "Remove"},
            {"logical_id": "OtherTable"},
            {"resource_type": "AWS::RDS::DBInstance"},
            {"replacement": "True"},
            {"replacement": "Conditional"},
            {"properties": ("KeySchema", "Tags")},
            {"nested_in": "Inner"},
        )
    ],
)
def test_everything_else_that_a_person_approved_is_part_of_the_digest(
    changes: dict[str, Any],
) -> None:
    assert plan(**changes).digest != plan().digest


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [("True", True), ("Conditional", False), ("False", False), ("", False)],
)
def test_only_a_resource_that_is_created_anew_counts_as_replaced(
    replacement: str, expected: bool
) -> None:
    assert MODIFY.model_copy(update={"replacement": replacement}).replaces is expected


@pytest.mark.parametrize(
    ("resource_type", "expected"),
    [
        ("AWS::IAM::Role", True),
        ("AWS::IAM::ManagedPolicy", True),
        ("AWS::IAM::User", True),
        ("AWS::Lambda::Permission", True),
        ("AWS::Lambda::LayerVersionPermission", True),
        ("AWS::S3::BucketPolicy", True),
        ("AWS::SQS::QueuePolicy", True),
        ("AWS::SNS::TopicPolicy", True),
        ("AWS::SecretsManager::ResourcePolicy", True),
        ("AWS::RAM::ResourceShare", True),
        ("AWS::SSO::Assignment", True),
        ("AWS::Lambda::Function", False),
        ("AWS::S3::Bucket", False),
        ("AWS::KMS::Key", True),
        ("AWS::KMS::Alias", False),
        ("AWS::IAMx::Thing", False),
        ("Custom::Thing", False),
    ],
)
def test_a_change_of_permissions_is_recognized_by_its_type(
    resource_type: str, expected: bool
) -> None:
    change = ADD.model_copy(update={"resource_type": resource_type})
    assert change.changes_permissions is expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (("Role",), True),
        (("Code", "ResourcePolicy"), True),
        (("Code", "Roles"), False),
        ((), False),
    ],
)
def test_a_change_of_permissions_is_recognized_by_its_properties(
    properties: tuple[str, ...], expected: bool
) -> None:
    function = {"resource_type": "AWS::Lambda::Function", "properties": properties}
    assert MODIFY.model_copy(update=function).changes_permissions is expected


def test_a_plan_that_cannot_be_executed_is_empty_and_one_of_outputs_alone_is_not() -> None:
    assert plan(changes=(), executable=False).is_empty
    assert not plan(changes=()).is_empty
    assert not plan().is_empty


def test_a_plan_without_a_change_says_whether_outputs_change() -> None:
    assert plan(changes=()).summary() == "no resource changes, outputs only"
    nothing = plan(changes=(), executable=False)
    assert nothing.summary() == "0 to add, 0 to modify, 0 to remove"


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["Add", "Add", "Remove"], "2 to add, 0 to modify, 1 to remove"),
        (["Modify"], "0 to add, 1 to modify, 0 to remove"),
        (["Import", "Dynamic"], "0 to add, 0 to modify, 0 to remove"),
    ],
)
def test_the_summary_counts_what_happens(actions: list[str], expected: str) -> None:
    changes = tuple(ADD.model_copy(update={"action": action}) for action in actions)
    assert plan(changes=changes).summary() == expected


@pytest.mark.parametrize(
    ("replacements", "note"),
    [
        (["", "False"], ""),
        (["True", ""], " (1 replaced)"),
        (["Conditional", "Conditional"], " (2 may be replaced)"),
        (["True", "Conditional"], " (1 replaced, 1 may be replaced)"),
    ],
)
def test_the_summary_says_how_many_are_replaced_and_how_many_may_be(
    replacements: list[str], note: str
) -> None:
    changes = tuple(MODIFY.model_copy(update={"replacement": one}) for one in replacements)
    assert plan(changes=changes).summary() == f"0 to add, 2 to modify{note}, 0 to remove"


# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
def test_a_change_names_the_properties_and_attributes_that_change_once_and_sorted() -> None:
    assert change_of(
        {
            "Action": "Modify",
            "LogicalResourceId": "Table",
            "PhysicalResourceId": "orders",
            "ResourceType": "AWS::DynamoDB::Table",
            "Replacement": "Conditional",
            "Scope": ["Properties", "Tags"],
            "Details": [
                {"Target": {"Attribute": "Properties", "Name": "KeySchema"}},
                {"Target": {"Attribute": "Tags", "RequiresRecreation": "Never"}},
                {"Target": {"Attribute": "Properties", "Name": "KeySchema"}},
                {"Evaluation": "Static"},
            ],
        }
    ) == Change(
        action="Modify",
        logical_id="Table",
        resource_type="AWS::DynamoDB::Table",
        replacement="Conditional",
        properties=("KeySchema", "Tags"),
    )


def test_a_removed_resource_says_what_becomes_of_it() -> None:
    removed = {
        "Action": "Remove",
        "LogicalResourceId": "Table",
        "ResourceType": "AWS::DynamoDB::Table",
        "PolicyAction": "Retain",
    }
    assert change_of(removed).policy_action == "Retain"


def test_an_added_resource_has_no_details() -> None:
    added = {"Action": "Add", "LogicalResourceId": "Queue", "ResourceType": "AWS::SQS::Queue"}
    assert change_of(added) == ADD


def test_a_drift_aware_plan_tells_what_it_brings_back_and_no_value() -> None:
    detail = {"Name": "DelaySeconds", "Path": "/Properties/DelaySeconds"}
    drift = {"PreviousValue": "hunter2", "ActualValue": "hunter2"}
    change = {
        "LogicalResourceId": "Queue",
        "ResourceType": "AWS::SQS::Queue",
        "ResourceDriftStatus": "MODIFIED",
        "Details": [{"Target": detail | {"Drift": drift}}, {"Target": {"Name": "Tags"}}],
    }
    found = overwritten_of(change, "Inner")
    assert found is not None
    assert (found.path, found.state) == ("Inner/Queue", "MODIFIED")
    assert found.properties == ("/Properties/DelaySeconds",)
    assert "hunter2" not in repr(found)
    assert overwritten_of(change | {"ResourceDriftStatus": "IN_SYNC"}) is None
