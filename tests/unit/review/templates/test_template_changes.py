from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.review.templates.template_changes import (
    all_changes,
    changes_permissions,
    template_changes,
)
from tiercel.domain.stack.plan import Change

FUNCTION = "AWS::Serverless::Function"
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 1}}


def template(**found: Any) -> dict[str, Any]:
    return {"Resources": found}


def resource(kind: str = FUNCTION, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = template_changes(before, after)
    return [(change.action, change.logical_id, " ".join(change.properties)) for change in found]


def test_a_new_service_adds_everything() -> None:
    assert template_changes(None, template(Queue=QUEUE)) == (
        Change(action="Add", logical_id="Queue", resource_type="AWS::SQS::Queue"),
    )


def test_what_is_added_modified_and_removed_is_told_in_this_order() -> None:
    before = template(Old=QUEUE, Queue=QUEUE, Same=QUEUE)
    after = template(Same=QUEUE, Queue=resource("AWS::SQS::Queue", DelaySeconds=2), New=QUEUE)
    assert changed(before, after) == [
        ("Add", "New", ""),
        ("Modify", "Queue", "DelaySeconds"),
        ("Remove", "Old", ""),
    ]


PROPERTIES = [
    ({"A": 1}, {"A": 2}, "A"),
    ({"A": 1, "B": 1}, {"B": 2, "C": 1}, "A B C"),
    ({"A": {"x": [1, 2]}}, {"A": {"x": [2, 1]}}, "A"),
    ({}, {"A": None}, "A"),
    ({1: "x"}, {1: "y"}, "1"),
    (None, {"A": 1}, "A"),
    ({"A": 1}, "nonsense", "Properties"),
    (["A"], ["B"], "Properties"),
]


@pytest.mark.parametrize(("old", "new", "names"), PROPERTIES)
def test_a_modified_resource_names_what_differs(old: Any, new: Any, names: str) -> None:
    before = template(R={"Type": FUNCTION, "Properties": old})
    after = template(R={"Type": FUNCTION, "Properties": new})
    assert changed(before, after) == [("Modify", "R", names)]


@pytest.mark.parametrize("attribute", ["DeletionPolicy", "DependsOn", "Condition", "Metadata"])
def test_an_attribute_is_told_like_a_property(attribute: str) -> None:
    after = template(Queue=QUEUE | {attribute: "Retain"})
    assert changed(template(Queue=QUEUE), after) == [("Modify", "Queue", attribute)]


def test_the_order_of_keys_is_no_change() -> None:
    before = template(A=resource(X=1, Y=2), B=QUEUE)
    after = template(B=QUEUE, A=resource(Y=2, X=1))
    assert template_changes(before, after) == ()


def test_another_type_is_one_removed_and_one_added_so_that_a_lost_role_is_seen() -> None:
    role = resource("AWS::IAM::Role")
    found = template_changes(template(X=role), template(X=QUEUE))
    assert [(change.action, change.resource_type) for change in found] == [
        ("Add", "AWS::SQS::Queue"),
        ("Remove", "AWS::IAM::Role"),
    ]
    assert [changes_permissions(change) for change in found] == [False, True]


@pytest.mark.parametrize("broken", [{}, {"Resources": None}, template(X=None, Y=[1], Z="text")])
def test_a_template_without_resources_has_none(broken: dict[str, Any]) -> None:
    assert changed(broken, template(Queue=QUEUE)) == [("Add", "Queue", "")]
    assert changed(template(Queue=QUEUE), broken) == [("Remove", "Queue", "")]


def test_what_sam_puts_into_every_resource_is_told() -> None:
    before = {"Globals": {"Function": {"Timeout": 3, "Tracing": "Active"}}}
    after = {"Globals": {"Function": {"Timeout": 9, "Tracing": "Active"}, "Api": {"Auth": {}}}}
    assert changed(before, after) == [("Modify", "Globals", "Api.Auth Function.Timeout")]
    assert changed(before, before) == []
    assert changed({"Globals": "x"}, before) == [("Modify", "Globals", "Properties")]


def change(kind: str, action: str = "Modify", *properties: str) -> Change:
    return Change(action=action, logical_id="X", resource_type=kind, properties=properties)


@pytest.mark.parametrize(
    "found",
    [
        change("AWS::IAM::Role"),
        change("AWS::S3::BucketPolicy", "Remove"),
        change("AWS::Lambda::Permission", "Add"),
        change(FUNCTION, "Add"),
        change(FUNCTION, "Remove"),
        change("AWS::Serverless::StateMachine", "Add"),
        change("AWS::Serverless::Connector", "Add"),
        change("AWS::Serverless::Connector", "Modify", "Properties"),
        change("AWS::SQS::Queue", "Add", "Connectors"),
        change("", "Modify", "Function.VpcConfig"),
        change("", "Modify", "Properties"),
        *(
            change(FUNCTION, "Modify", name, "Timeout")
            for name in (
                "Policies", "Role", "PermissionsBoundary", "AssumeRolePolicyDocument", "Events",
                "FunctionUrlConfig", "VpcConfig", "Tracing", "DeadLetterQueue",
                "EventInvokeConfig", "Connectors", "Properties",
            )
        ),
    ],
)  # fmt: skip
def test_what_gives_or_takes_permissions_is_told_apart(found: Change) -> None:
    assert changes_permissions(found)


@pytest.mark.parametrize(
    "found",
    [
        change(FUNCTION, "Modify", "Timeout", "Environment"),
        change("AWS::SQS::Queue", "Add"),
        change("AWS::SQS::Queue", "Modify", "Policies"),
        change("", "Modify", "Function.Timeout"),
        change("AWS::Lambda::Function", "Modify", "Timeout"),
    ],
)
def test_other_changes_are_not(found: Change) -> None:
    assert not changes_permissions(found)


def test_an_embedded_connector_is_seen_where_it_comes_and_goes() -> None:
    linked = QUEUE | {"Connectors": {"ToTable": {"Properties": {"Permissions": ["Write"]}}}}
    for before, after in (
        (template(), template(Queue=linked)),
        (template(Queue=linked), template()),
        (template(Queue=QUEUE), template(Queue=linked)),
    ):
        (found,) = template_changes(before, after)
        assert changes_permissions(found)


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=10,
)
sections = st.dictionaries(st.sampled_from(["A", "B", "C"]), values, max_size=3)
templates = st.fixed_dictionaries({"Resources": sections}, optional={"Globals": values})


@given(templates, templates)
def test_any_two_documents_can_be_compared(before: dict[str, Any], after: dict[str, Any]) -> None:
    for found in template_changes(before, after):
        assert found.action in ("Add", "Modify", "Remove")
        changes_permissions(found)


@given(templates)
def test_a_template_does_not_differ_from_itself(one: dict[str, Any]) -> None:
    assert template_changes(one, one) == ()


@given(templates, templates)
def test_back_again_is_the_opposite(before: dict[str, Any], after: dict[str, Any]) -> None:
    opposite = {"Add": "Remove", "Remove": "Add", "Modify": "Modify"}
    there = {(opposite[c.action], c.logical_id) for c in template_changes(before, after)}
    assert there == {(c.action, c.logical_id) for c in template_changes(after, before)}


def test_changes_of_nested_templates_have_their_path() -> None:
    before = {"": template(X=QUEUE), "Inner": template(Y=QUEUE)}
    after = {"": template(X=QUEUE), "Inner": template(Z=QUEUE), "Inner/Deep": template(Y=QUEUE)}
    assert {(one.action, one.path) for one in all_changes(before, after)} == {
        ("Add", "Inner/Z"),
        ("Remove", "Inner/Y"),
        ("Add", "Inner/Deep/Y"),
    }
