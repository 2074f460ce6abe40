from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.template.conditions import decided
from tiercel.domain.template.values import value_scope

IS_PROD = {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}
IS_HERE = {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-central-1"]}


def chosen(condition: Any, *given: str | None, more: dict[str, Any] | None = None) -> Any:
    template = {
        "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
        "Conditions": {"C": condition, **(more or {})},
    }
    scope = value_scope(template, {"Stage": given} if given else {})
    return decided({"Minify": {"Fn::If": ["C", True, False]}}, scope)["Minify"]


OPEN = {"Fn::If": ["C", True, False]}


@pytest.mark.parametrize(
    ("condition", "given", "comes_out"),
    [
        (IS_PROD, (), False),
        (IS_PROD, ("prod",), True),
        (IS_PROD, ("prod", "test"), OPEN),
        (IS_PROD, ("test", None), False),
        ({"Fn::Not": [IS_PROD]}, (), True),
        ({"Fn::Or": [IS_PROD, {"Fn::Not": [IS_PROD]}]}, (), True),
        ({"Fn::And": [IS_PROD, IS_HERE]}, (), False),
        ({"Fn::And": [{"Fn::Not": [IS_PROD]}, IS_HERE]}, (), OPEN),
        (IS_HERE, (), OPEN),
        ({"Condition": "Other"}, (), OPEN),
        ({"Condition": "C"}, (), OPEN),
        ({"Fn::Strange": [IS_PROD]}, (), OPEN),
        ([], (), OPEN),
    ],
)
def test_a_side_is_taken_where_every_environment_takes_it(
    condition: Any, given: tuple[str | None, ...], comes_out: Any
) -> None:
    assert chosen(condition, *given) == comes_out


def test_a_condition_is_followed_to_another() -> None:
    assert chosen({"Condition": "Prod"}, "prod", more={"Prod": IS_PROD}) is True
