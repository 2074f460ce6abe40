from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.onboarding.links import links_between

NETWORK: dict[str, Any] = {
    "Outputs": {
        "VpcId": {"Value": "x", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-VpcId"}}},
        "Zone": {"Value": "x", "Export": {"Name": "shared-zone"}},
    }
}


def importing(name: Any, **parameters: Any) -> dict[str, Any]:
    return {
        "Parameters": parameters,
        "Resources": {"Web": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": name}}},
    }


def test_a_parameter_that_is_called_as_an_output_is_taken_from_there() -> None:
    template = {"Parameters": {"TableName": {"Type": "String"}, "Level": {"Type": "String"}}}
    links = links_between({"api": template, "storage": {"Outputs": {"TableName": {"Value": "x"}}}})
    assert links.depends_on("api") == ("storage",)
    assert links.depends_on("storage") == ()
    assert links.unclear == ()


def test_a_parameter_with_a_default_waits_for_nobody() -> None:
    template = {"Parameters": {"TableName": {"Type": "String", "Default": ""}}}
    links = links_between({"api": template, "storage": {"Outputs": {"TableName": {"Value": "x"}}}})
    assert links.taken == ()


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ({"Fn::ImportValue": "shared-zone"}, ""),
        ({"Fn::ImportValue": {"Fn::Sub": "${Net}-VpcId"}}, "Net"),
        ({"Fn::ImportValue": {"Fn::Sub": ["${Net}-VpcId", {}]}}, "Net"),
        ({"Fn::ImportValue": {"Fn::Join": ["-", [{"Ref": "Net"}, "VpcId"]]}}, "Net"),
    ],
)
def test_an_import_waits_for_the_stack_that_exports_it(name: Any, parameter: str) -> None:
    api = importing(name, Net={"Type": "String"})
    links = links_between({"api": api, "network": NETWORK})
    assert links.depends_on("api") == ("network",)
    assert links.stacks_named_by("api") == ({parameter: "network"} if parameter else {})


@pytest.mark.parametrize(
    "name",
    [{"Fn::ImportValue": "shared"}, {"Fn::ImportValue": {"Fn::Sub": "${Net}-SubnetId"}}],
)
def test_an_import_that_nobody_exports_is_told(name: Any) -> None:
    links = links_between({"api": importing(name), "network": NETWORK})
    assert links.taken == ()
    assert "which no template here exports" in links.unclear[0].what


def test_a_parameter_in_the_name_of_an_export_is_no_stack_s_name() -> None:
    export = {"Name": {"Fn::Sub": "${Project}-VpcId"}}
    api = importing({"Fn::ImportValue": {"Fn::Sub": "${Project}-VpcId"}}, Project={})
    links = links_between({"api": api, "network": {"Outputs": {"Vpc": {"Export": export}}}})
    assert links.depends_on("api") == ("network",)
    assert links.stacks_named_by("api") == {}


def test_a_name_of_variables_alone_fits_nothing() -> None:
    links = links_between(
        {"api": importing({"Fn::ImportValue": {"Ref": "Any"}}), "network": NETWORK}
    )
    assert links.taken == ()


def test_what_two_services_give_is_nobody_s_to_choose() -> None:
    giving = {"Outputs": {"TableName": {"Value": "x"}}}
    template = {"Parameters": {"TableName": {"Type": "String"}}}
    links = links_between({"api": template, "one": giving, "two": giving})
    assert links.depends_on("api") == ()
    assert links.unclear[0].what == "api takes TableName, which one and two both give"


def test_services_that_take_from_each_other_are_told_as_a_circle() -> None:
    one = {"Parameters": {"B": {"Type": "String"}}, "Outputs": {"A": {"Value": "x"}}}
    two = {"Parameters": {"A": {"Type": "String"}}, "Outputs": {"B": {"Value": "x"}}}
    links = links_between({"one": one, "two": two})
    assert [links.depends_on(name) for name in ("one", "two")] == [("two",), ()]
    assert "break the circle" in links.unclear[0].do
