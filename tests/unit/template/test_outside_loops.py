from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.template.outside_judged import (
    FOREIGN,
    HERE,
    LAYER,
    ROOT_OF,
    RUNTIME,
    STATEMENT,
    allowing,
    assuming,
    judged,
    stored,
)
from tiercel.domain.template.outside import outside_references


def looping(body: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """A template with a loop over what only a deploy knows, `${N}`, and a resource and a map."""
    return {
        "Transform": "AWS::LanguageExtensions",
        "Parameters": {
            "Names": {"Type": "CommaDelimitedList"},
            "PartnerOne": {"Type": "String", "Default": FOREIGN},
        },
        "Mappings": {"M": {"a": {"whom": RUNTIME}, "b": {"whom": FOREIGN}}},
        "Resources": {
            "Own": {"Type": "AWS::SNS::Topic"},
            "PlainOne": stored(FOREIGN),
            "Fn::ForEach::X": ["N", {"Ref": "Names"}, body],
        },
        **sections,
    }


def role_trusting(principal: Any) -> dict[str, Any]:
    trust = {"AssumeRolePolicyDocument": allowing({"AWS": principal})}
    return {"Type": "AWS::IAM::Role", "Properties": trust}


TOPIC = {"Type": "AWS::SNS::Topic"}


@pytest.mark.parametrize(
    ("principal", "code"),
    [
        (ROOT_OF.format(FOREIGN), "template.foreign_trust"),
        (RUNTIME, None),
        ({"Fn::GetAtt": ["Own", "Arn"]}, None),
        ({"Fn::GetAtt": ["T${N}", "Arn"]}, None),
        ({"Fn::GetAtt": "T${N}.Arn"}, None),
        ({"Fn::Sub": "${T${N}.Arn}"}, None),
        ({"Ref": "N"}, "template.unknown_trust"),
        ("${N}", "template.unknown_trust"),
        ("arn:aws:iam::${N}:root", "template.unknown_trust"),
        ({"Fn::Sub": "arn:aws:iam::&{N}:root"}, "template.unknown_trust"),
        ({"Ref": "Partner${N}"}, "template.unknown_trust"),
        ({"Fn::GetAtt": ["Plain${N}", "Value"]}, "template.foreign_trust"),
        ({"Fn::GetAtt": ["P${N}", "Value"]}, "template.foreign_trust"),
        ({"Fn::GetAtt": ["C${N}", "Whom"]}, "template.unknown_trust"),
        ({"Fn::FindInMap": ["M", "${N}", "whom"]}, "template.foreign_trust"),
        ({"Fn::FindInMap": ["M", {"Ref": "N"}, "whom"]}, "template.foreign_trust"),
    ],
    ids=str,
)
@pytest.mark.parametrize("deep", [False, True])
def test_what_a_loop_lets_in_is_judged_before_anybody_knows_over_what_it_goes(
    principal: Any, code: str | None, *, deep: bool
) -> None:
    body = {"T${N}": TOPIC, "P${N}": stored(FOREIGN), "C${N}": {"Type": "Custom::Partner"}}
    made = {"R${N}": role_trusting(principal)}
    inner = {"Fn::ForEach::Y": ["M", {"Ref": "Names"}, made]} if deep else made
    described = looping(body | inner)
    assert judged(described) == code
    if code:
        (name,) = {one.logical_id for one in outside_references(HERE, {HERE: described})}
        assert name == "R${N}"


def test_what_a_loop_makes_is_own_and_what_it_stores_is_judged_outside_of_it_too() -> None:
    body = {"T${N}": TOPIC, "P${N}": stored(FOREIGN)}
    for principal, code in (
        ({"Fn::GetAtt": "TOne.Arn"}, None),
        ({"Ref": "TOne"}, None),
        ({"Fn::GetAtt": "POne.Value"}, "template.foreign_trust"),
        ({"Fn::GetAtt": "QOne.Arn"}, "template.unknown_trust"),
    ):
        described = looping(body)
        described["Resources"]["Thing"] = role_trusting(principal)
        assert judged(described) == code


def test_layers_and_images_of_a_loop_are_judged() -> None:
    def function(**properties: Any) -> dict[str, Any]:
        return {"F${N}": {"Type": "AWS::Lambda::Function", "Properties": properties}}

    own = {"L${N}": {"Type": "AWS::Lambda::LayerVersion", "Properties": {}}}
    layer = LAYER.format(FOREIGN)
    assert judged(looping(function(Layers=[layer]))) == "template.foreign_layer"
    assert judged(looping(own | function(Layers=[{"Ref": "L${N}"}]))) is None
    assert judged(looping(function(Code={"ImageUri": "app:1"}))) == "template.image_by_tag"
    shared = {"Function": assuming([STATEMENT])}
    made = {"F${N}": {"Type": "AWS::Serverless::Function", "Properties": {}}}
    assert judged(looping(made, Globals=shared)) == "template.foreign_trust"


@given(
    st.recursive(
        st.none() | st.just("N") | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["Fn::ForEach::Y", "R${N}", "Ref", "Type", "Properties", "${?}"]),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_whatever_stands_in_a_loop_is_judged(loop: Any) -> None:
    described = looping({})
    described["Resources"]["Fn::ForEach::X"] = loop
    assert judged(described) is None
    described["Resources"]["Fn::ForEach::X"] = ["N", {"Ref": "Names"}, {"R${N}": loop}]
    assert judged(described) is None
