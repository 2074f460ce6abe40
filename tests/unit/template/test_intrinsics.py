from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.template.intrinsics import OWN, UNKNOWN_TEXT, items_of, scope_of, texts_of

CHILD = {
    "Parameters": {"Partner": {"Type": "String"}, "Fixed": {"Type": "String", "Default": "f"}},
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {
        "Arn": {"Value": {"Fn::GetAtt": ["Topic", "Arn"]}},
        "Partner": {"Value": {"Ref": "Partner"}},
    },
}
ROOT = {
    "Parameters": {
        "Partner": {"Type": "String", "Default": "999999999999"},
        "Latest": {"Type": "AWS::SSM::Parameter::Value<String>"},
    },
    "Mappings": {"Owners": {"eu": {"id": "111", "all": ["1", "2"]}, "us": {"id": "222"}}},
    "Resources": {
        "Role": {"Type": "AWS::IAM::Role"},
        "Lookup": {"Type": "Custom::Lookup"},
        "Child": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {
                "TemplateURL": "nested/child.yaml",
                "Parameters": {"Partner": {"Fn::Sub": "p-${Partner}"}},
            },
        },
    },
}
SCOPE = scope_of("app/template.yaml", {"app/template.yaml": ROOT, "app/nested/child.yaml": CHILD})


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("plain", ("plain",)),
        (123456789012, ("123456789012",)),
        ({"Ref": "Partner"}, ("${Partner}",)),
        ({"Ref": "Latest"}, (UNKNOWN_TEXT,)),
        ({"Ref": "Role"}, (OWN,)),
        ({"Ref": "RoleMadeBySam"}, (OWN,)),
        ({"Ref": "Nothing"}, (UNKNOWN_TEXT,)),
        ({"Ref": "AWS::AccountId"}, ("${AWS::AccountId}",)),
        ({"Ref": "AWS::NoValue"}, ()),
        ({"Fn::GetAtt": ["Role", "Arn"]}, (OWN,)),
        ({"Fn::GetAtt": "Role.Arn"}, (OWN,)),
        ({"Fn::GetAtt": ["Lookup", "Account"]}, (UNKNOWN_TEXT,)),
        ({"Fn::GetAtt": ["Child", "Outputs.Arn"]}, (OWN,)),
        ({"Fn::GetAtt": ["Child", "Outputs.Partner"]}, ("p-${Partner}",)),
        ({"Fn::GetAtt": ["Child", "Outputs.Nothing"]}, (UNKNOWN_TEXT,)),
        ({"Fn::Sub": "a:${AWS::Region}:${Partner}"}, ("a:${AWS::Region}:${Partner}",)),
        ({"Fn::Sub": ["${x}-${Role.Arn}", {"x": {"Ref": "Partner"}}]}, (f"${{Partner}}-{OWN}",)),
        ({"Fn::Sub": "${!Literal}"}, (UNKNOWN_TEXT,)),
        ({"Fn::Join": [":", ["a", {"Ref": "Partner"}]]}, ("a:${Partner}",)),
        ({"Fn::Join": [":", {"Ref": "Partner"}]}, (UNKNOWN_TEXT,)),
        ({"Fn::If": ["C", "a", {"Ref": "AWS::NoValue"}]}, ("a",)),
        ({"Fn::Sub": ["${x}", {"x": {"Fn::If": ["C", "a", "b"]}}]}, ("a", "b")),
        ({"Fn::Select": [1, ["a", "b"]]}, ("b",)),
        ({"Fn::Select": [5, ["a", "b"]]}, (UNKNOWN_TEXT,)),
        ({"Fn::FindInMap": ["Owners", "eu", "id"]}, ("111",)),
        ({"Fn::FindInMap": ["Owners", {"Ref": "AWS::Region"}, "id"]}, ("111", "222")),
        ({"Fn::FindInMap": ["Nowhere", "eu", "id"]}, (UNKNOWN_TEXT,)),
        ({"Fn::ImportValue": "theirs"}, (UNKNOWN_TEXT,)),
        ({"Two": 1, "Keys": 2}, (UNKNOWN_TEXT,)),
        (["a"], (UNKNOWN_TEXT,)),
    ],
)
def test_a_value_is_followed_as_far_as_it_is_known(value: Any, texts: tuple[str, ...]) -> None:
    assert texts_of(value, SCOPE) == texts


def test_a_nested_template_has_what_its_parent_passes_else_its_default() -> None:
    ((_, child),) = SCOPE.nested()
    assert texts_of({"Ref": "Partner"}, child) == ("p-${Partner}",)
    assert texts_of({"Ref": "Fixed"}, child) == ("f",)


def test_a_list_is_followed_item_by_item() -> None:
    value = ["a", {"Fn::If": ["C", ["b", "c"], "d"]}, {"Fn::FindInMap": ["Owners", "eu", "all"]}]
    assert items_of(value, SCOPE) == ("a", "b", "c", "d", "1", "2")


def test_too_many_possibilities_are_not_known() -> None:
    both = {"Fn::If": ["C", "a", "b"]}
    assert texts_of({"Fn::Join": ["", [both] * 7]}, SCOPE) == (UNKNOWN_TEXT,)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Ref",
                    "Fn::Sub",
                    "Fn::Join",
                    "Fn::If",
                    "Fn::GetAtt",
                    "Fn::Select",
                    "Fn::FindInMap",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=2,
        )
    ),
    max_leaves=8,
)


@given(anything)
def test_whatever_a_template_says_is_some_texts(value: Any) -> None:
    assert all(isinstance(text, str) for text in items_of(value, SCOPE))
