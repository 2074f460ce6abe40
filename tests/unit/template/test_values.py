from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.organization.services import EnvironmentOverrides, Service
from tiercel.domain.template.assets import Asset, find_assets
from tiercel.domain.template.values import (
    GivenValues,
    given_values,
    merge_values,
    passed_values,
    value_scope,
)

TEXT = {"Type": "String"}


def asset(parameters: dict[str, Any], given: GivenValues | None = None, **properties: Any) -> Asset:
    values = {"CodeUri": "src", "Runtime": "python3.12"} | properties
    template = {
        "Parameters": parameters,
        "Mappings": {"Stages": {"prod": {"Rt": "python3.10"}, "dev": {"Rt": "python3.10"}}},
        "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": values}},
    }
    (found,) = find_assets(template, "template", given)
    return found


@pytest.mark.parametrize(
    ("runtime", "parameters", "given"),
    [
        ({"Ref": "Rt"}, {"Rt": TEXT | {"Default": "python3.10"}}, {}),
        ({"Ref": "Rt"}, {"Rt": TEXT | {"Default": "nodejs22.x"}}, {"Rt": ("python3.10",)}),
        ({"Ref": "Rt"}, {"Rt": TEXT | {"AllowedValues": ["python3.10"]}}, {}),
        ({"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "Rt"]}, {"Stage": TEXT}, {}),
        ({"Fn::Sub": "python${V}"}, {"V": TEXT | {"Default": "3.10"}}, {}),
        (
            {"Fn::If": ["C", "python3.10", {"Ref": "Rt"}]},
            {"Rt": TEXT | {"Default": "python3.10"}},
            {},
        ),
    ],
)
def test_a_value_is_found_where_the_template_has_it_from(
    runtime: Any, parameters: dict[str, Any], given: GivenValues
) -> None:
    found = asset(parameters, given, Runtime=runtime)
    assert (found.runtime, found.unknown) == ("python3.10", "")


@pytest.mark.parametrize(
    ("parameter", "given", "unknown"),
    [
        (TEXT, {}, "Runtime is known at a deploy only"),
        (TEXT | {"AllowedValues": ["a1", "b2"]}, {}, "Runtime may be a1 or b2"),
        (TEXT | {"Default": "a1"}, {"Rt": (None, "b2")}, "Runtime may be a1 or b2"),
        (
            {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "python3.12"},
            {},
            "Runtime is known at a deploy only",
        ),
    ],
)
def test_a_value_that_is_not_one_is_told_by_the_name_of_its_property(
    parameter: dict[str, Any], given: GivenValues, unknown: str
) -> None:
    assert asset({"Rt": parameter}, given, Runtime={"Ref": "Rt"}).unknown == unknown


@pytest.mark.parametrize(
    ("parameters", "architectures"),
    [
        ({"Arch": TEXT | {"Default": "arm64"}}, [{"Ref": "Arch"}]),
        ({"Arch": {"Type": "CommaDelimitedList", "Default": "arm64"}}, {"Ref": "Arch"}),
    ],
)
def test_an_architecture_is_found_as_a_runtime_is(
    parameters: dict[str, Any], architectures: Any
) -> None:
    assert asset(parameters, Architectures=architectures).architecture == "arm64"


def test_a_function_that_names_no_architecture_is_for_x86() -> None:
    assert asset({}).architecture == "x86_64"
    assert asset({}, Architectures=[{"Ref": "AWS::NoValue"}]).architecture == "x86_64"


def test_what_environments_give_counts_with_the_default_where_one_gives_nothing() -> None:
    service = Service(
        name="orders",
        path=".",
        parameters={"A": "1", "B": "1"},
        environments={
            "prod": EnvironmentOverrides(parameters={"B": "2", "C": "3"}),
        },
    )
    assert given_values(service) == {"A": ("1",), "B": ("1", "2"), "C": (None, "3")}


def test_a_nested_template_gets_what_all_that_nest_it_give() -> None:
    scope = value_scope({"Parameters": {"Rt": TEXT | {"Default": "python3.10"}}}, {})
    one = passed_values({"Properties": {"Parameters": {"Inner": {"Ref": "Rt"}}}}, scope)
    assert one == {"Inner": ("python3.10",)}
    assert merge_values(None, one) == one
    assert merge_values(one, {"Other": ("x",)}) == {
        "Inner": ("python3.10", None),
        "Other": (None, "x"),
    }
