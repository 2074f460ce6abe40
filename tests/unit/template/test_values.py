from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.artifact.source_tree import source_tree
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
    ("text", "runtime"),
    [
        ("{{resolve:ssm:/org/rt}}", ""),
        ("{{resolve:ssm:/org/${AWS::Region}", ""),
        ("java{{resolve:ssm:/org/version}}", "java"),
        ("java${AWS::Region}", "java"),
        ("provided.${AWS::Region}", "provided"),
        ("${AWS::Region}", ""),
    ],
)
def test_of_a_runtime_that_a_deploy_completes_the_language_may_be_known(
    text: str, runtime: str
) -> None:
    found = asset({}, Runtime={"Fn::Sub": text})
    assert (found.runtime, found.unknown) == (runtime, "Runtime is known at a deploy only")


def test_of_runtimes_of_several_languages_none_is_known() -> None:
    def of(*allowed: str) -> str:
        return asset({"Rt": TEXT | {"AllowedValues": [*allowed]}}, Runtime={"Ref": "Rt"}).runtime

    assert of("python3.12", "java21") == ""
    assert of("python3.12", "python3.13") == "python3.12"


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
        parameters={"A": "java17", "B": "java17"},
        environments={
            "prod": EnvironmentOverrides(parameters={"B": "arm64", "C": "x86_64"}),
        },
    )
    assert given_values(service) == {
        "A": ("java17",),
        "B": ("java17", "arm64"),
        "C": (None, "x86_64"),
    }


WHOLE = ["python3.11", "x86_64", "provided.al2023", "nodejs22.x", "java17,java21", "arm64, x86_64"]
PARTS = ["3.11", "22", "11", "arm", "64", "x86", "al2023", "python3.11,", "{{resolve:ssm:/rt}}", ""]


@given(st.sampled_from(WHOLE + PARTS), st.sampled_from(WHOLE + PARTS))
def test_no_package_depends_on_a_value_of_tiercel_toml_of_which_its_id_knows_nothing(
    first: str, second: str
) -> None:
    services = [
        Service(name="orders", path=".", parameters={"V": value}) for value in (first, second)
    ]
    runtimes = ({"Ref": "V"}, {"Fn::Sub": "python${V}"}, {"Fn::Join": ["", ["a", {"Ref": "V"}]]})
    for runtime in runtimes:
        told = [
            asset({"V": TEXT}, given_values(one), Runtime=runtime, Architectures=[{"Ref": "V"}])
            for one in services
        ]
        ids = [source_tree(one, {".": "1" * 40}).artifact_id for one in services]
        assert told[0] == told[1] or ids[0] != ids[1]


def test_of_a_runtime_that_is_put_together_from_tiercel_toml_the_language_is_known() -> None:
    service = Service(name="orders", path=".", parameters={"V": "3.11"})
    parameters = {"V": TEXT | {"Default": "3.12"}}
    found = asset(parameters, given_values(service), Runtime={"Fn::Sub": "python${V}"})
    assert found.runtime == "python"
    assert found.unknown == "Runtime has a value of tiercel.toml in it that is no whole name"
    nothing = service.model_copy(update={"parameters": {}})
    found = asset(parameters, given_values(nothing), Runtime={"Fn::Sub": "python${V}"})
    assert (found.runtime, found.unknown) == ("python3.12", "")


def test_a_nested_template_gets_what_all_that_nest_it_give() -> None:
    scope = value_scope({"Parameters": {"Rt": TEXT | {"Default": "python3.10"}}}, {})
    one = passed_values({"Properties": {"Parameters": {"Inner": {"Ref": "Rt"}}}}, scope)
    assert one == {"Inner": ("python3.10",)}
    assert merge_values(None, one) == one
    assert merge_values(one, {"Other": ("x",)}) == {
        "Inner": ("python3.10", None),
        "Other": (None, "x"),
    }
