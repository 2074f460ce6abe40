from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.limits import MAX_TEMPLATE_NODES
from tiercel.domain.template.expansion.includes import included_paths, with_parts
from tiercel.domain.template.expansion.loops import unrolled
from tiercel.domain.template.expansion.schemas import schema_paths, with_schemas
from tiercel.domain.template.expansion.sections import without_nothing

QUEUE = {"Type": "AWS::SQS::Queue"}
SAM = "AWS::Serverless-2016-10-31"
PART = {"Mail": QUEUE, "Other": {"Fn::Sub": "${AWS::Region}"}}


def include(location: Any = "part.yaml") -> dict[str, Any]:
    return {"Name": "AWS::Include", "Parameters": {"Location": location}}


def filled(template: dict[str, Any], part: dict[str, Any] | None = None) -> dict[str, Any]:
    parts = dict.fromkeys(included_paths(template, "t.yaml"), PART if part is None else part)
    return with_parts(template, parts, "t.yaml")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"Transform": include()}, PART),
        ({"Transform": [SAM, include()]}, {"Transform": [SAM]} | PART),
        ({"Transform": [include(), SAM]}, PART | {"Transform": [SAM]}),
        ({"Fn::Transform": include()}, PART),
        ({"Resources": {"Fn::Transform": include()}}, {"Resources": PART}),
        (
            {"Resources": {"A": QUEUE, "Fn::Transform": include()}},
            {"Resources": {"A": QUEUE, **PART}},
        ),
        (
            {"Resources": {"Api": {"Properties": {"Body": {"Fn::Transform": include()}}}}},
            {"Resources": {"Api": {"Properties": {"Body": PART}}}},
        ),
        ({"Outputs": [{"Fn::Transform": include()}]}, {"Outputs": [PART]}),
        ({"A": {"Fn::Transform": [include(), "Mine"]}}, {"A": PART | {"Fn::Transform": ["Mine"]}}),
    ],
)
def test_a_part_stands_where_the_template_includes_it(before: Any, after: Any) -> None:
    assert included_paths(before, "t.yaml") == ("part.yaml",)
    assert filled(before) == after
    assert filled(after) == after


def test_a_part_may_be_included_at_several_places() -> None:
    twice = {"A": {"Fn::Transform": include()}, "B": {"C": {"Fn::Transform": include()}}}
    assert included_paths(twice, "t.yaml") == ("part.yaml",)
    assert filled(twice) == {"A": PART, "B": {"C": PART}}


@pytest.mark.parametrize(
    "transform",
    [
        {"Name": "AWS::Include", "Parameters": {}},
        {"Name": "MyMacro", "Parameters": {"Location": "not-a-file"}},
        SAM,
    ],
)
def test_other_macros_stay(transform: Any) -> None:
    template = {"Transform": transform, "Resources": {"A": {"Fn::Transform": transform}}}
    assert included_paths(template, "t.yaml") == ()
    assert filled(template) == template
    both = {"Transform": transform, "A": {"Fn::Transform": include()}}
    assert filled(both) == {"Transform": transform, "A": PART}


@pytest.mark.parametrize("location", ["s3://bucket/part.yaml", {"Ref": "Part"}])
@pytest.mark.parametrize("place", ["Transform", "Resources"])
def test_a_part_that_lies_elsewhere_is_refused(location: Any, place: str) -> None:
    macro = include(location)
    template = {place: macro if place == "Transform" else {"Fn::Transform": macro}}
    with pytest.raises(RefusedInputError, check=because("template.remote_include")):
        included_paths(template, "t.yaml")


@pytest.mark.parametrize(
    ("template", "part", "code"),
    [
        ({"A": {"Mail": 1, "Fn::Transform": include()}}, PART, "template.include_clash"),
        ({"A": {"Fn::Transform": include(), "Mail": 1}}, PART, "template.include_clash"),
        ({"Transform": include(), "Other": {}}, PART, "template.include_clash"),
        (
            {"Transform": include()},
            {"B": {"Fn::Transform": include()}},
            "template.include_in_include",
        ),
        (
            {"A": {"Fn::Transform": {"Name": "AWS::Include", "Parameters": "x"}}},
            {},
            "template.not_a_mapping",
        ),
        (
            {"A": [{"Fn::Transform": include()}] * 20},
            {"B": [0] * (MAX_TEMPLATE_NODES // 10)},
            "template.too_complex",
        ),
    ],
)
def test_what_cannot_be_put_in_is_refused(
    template: dict[str, Any], part: dict[str, Any], code: str
) -> None:
    with pytest.raises(RefusedInputError, check=because(code)):
        filled(template, part)


def loop(collection: Any, body: Any, identifier: Any = "Name") -> list[Any]:
    return [identifier, collection, body]


def rolled_out(**resources: Any) -> Any:
    named = {name.replace("Each", "Fn::ForEach::"): one for name, one in resources.items()}
    return unrolled({"Resources": named, "Mappings": MAPPINGS}, "t.yaml")["Resources"]


MAPPINGS = {"Names": {"all": {"long": ["x", "y"]}}}
CODE = {"CodeUri": "src/${Name}", "Handler": {"Ref": "Name"}, "Description": "&{Name}"}


def test_a_loop_over_a_list_makes_a_resource_of_each_item() -> None:
    found = rolled_out(Before=QUEUE, EachA=loop(["a-1", True, 7], {"F&{Name}": CODE}), After=QUEUE)
    assert list(found) == ["Before", "Fa1", "Ftrue", "F7", "After"]
    assert found["Fa1"] == {"CodeUri": "src/a-1", "Handler": "a-1", "Description": "a1"}
    assert found["Ftrue"]["Handler"] == "true"
    assert found["F7"]["CodeUri"] == "src/7"


def test_a_collection_may_stand_in_mappings() -> None:
    collection = {"Fn::FindInMap": ["Names", "all", "long"]}
    assert list(rolled_out(EachA=loop(collection, {"Q${Name}": QUEUE}))) == ["Qx", "Qy"]


def test_loops_are_written_out_within_one_another() -> None:
    inner = {"Fn::ForEach::B": loop(["1", "2"], {"Q${Name}${B}": {"Ref": "B"}}, "B")}
    found = rolled_out(EachA=loop(["x", "y"], inner))
    assert found == {"Qx1": "1", "Qx2": "2", "Qy1": "1", "Qy2": "2"}


@pytest.mark.parametrize(
    "collection",
    [
        {"Ref": "Names"},
        {"Fn::FindInMap": ["Names", {"Ref": "Stage"}, "long"]},
        {"Fn::FindInMap": ["Names", "all", "short"]},
        {"Fn::FindInMap": "Names"},
        ["a", {"Ref": "B"}],
        "a,b",
    ],
)
def test_a_loop_that_only_a_deploy_knows_stays(collection: Any) -> None:
    stays = loop(collection, {"Q${Name}": QUEUE})
    assert rolled_out(EachA=stays) == {"Fn::ForEach::A": stays}


@pytest.mark.parametrize(
    "stays", [loop(["a"], "text"), ["Name", ["a"]], "text", loop(["a"], {}, 5)]
)
def test_what_is_no_loop_stays(stays: Any) -> None:
    assert rolled_out(EachA=stays) == {"Fn::ForEach::A": stays}


@pytest.mark.parametrize(
    "resources",
    [
        {"EachA": loop(["a", "b"], {"Same": QUEUE})},
        {"Qa": QUEUE, "EachA": loop(["a"], {"Q${Name}": QUEUE})},
        {"EachA": loop(["a"], {"Q${Name}": QUEUE}), "Qa": QUEUE},
    ],
)
def test_two_resources_of_one_name_are_refused(resources: dict[str, Any]) -> None:
    with pytest.raises(RefusedInputError, check=because("template.loop_clash")):
        rolled_out(**resources)


def test_loops_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    body: Any = {"Q${L0}${L1}${L2}${L3}${L4}": QUEUE}
    for level in range(5):
        body = {f"Fn::ForEach::L{level}": [f"L{level}", [f"x{n}" for n in range(99)], body]}
    with pytest.raises(RefusedInputError, check=because("template.too_complex")):
        unrolled({"Resources": body}, "t.yaml")


def test_a_template_without_loops_is_the_same() -> None:
    template = {"Resources": {"A": QUEUE}}
    assert unrolled(template, "t.yaml") is template
    assert unrolled({"Resources": None}, "t.yaml") == {"Resources": None}


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=10,
)


@given(
    st.dictionaries(st.text(max_size=3).map("Q".__add__), values, max_size=3),
    st.lists(st.text("ab-_", min_size=1, max_size=3), max_size=3),
)
def test_a_loop_whose_body_does_not_name_its_variable_repeats_it(
    body: dict[str, Any], items: list[str]
) -> None:
    template = {"Resources": {"Fn::ForEach::A": ["Никто", items, body]}}
    try:
        found = unrolled(template, "t.yaml")["Resources"]
    except RefusedInputError:
        assert len(items) > 1
        return
    assert found == (body if items else {})


def test_a_local_schema_becomes_text() -> None:
    api = {"Type": "AWS::Serverless::GraphQLApi", "Properties": {"SchemaUri": "a.graphql", "X": 1}}
    remote = {"Type": api["Type"], "Properties": {"SchemaUri": "s3://bucket/a.graphql"}}
    template = {"Resources": {"Api": api, "Far": remote, "Queue": QUEUE, "Odd": "text"}}
    assert schema_paths(template) == ("a.graphql",)
    found = with_schemas(template, {"a.graphql": "type Query"})["Resources"]
    assert found["Api"]["Properties"] == {"X": 1, "SchemaInline": "type Query"}
    assert (found["Far"], found["Queue"], found["Odd"]) == (remote, QUEUE, "text")
    assert api["Properties"] == {"SchemaUri": "a.graphql", "X": 1}


def test_what_is_there_and_empty_is_left_out() -> None:
    template = {
        "Parameters": None,
        "Transform": SAM,
        "Resources": {"A": {"Type": "T", "Properties": None}, "B": {"Properties": {"C": None}}},
        "Outputs": None,
    }
    assert without_nothing(template) == {
        "Transform": SAM,
        "Resources": {"A": {"Type": "T"}, "B": {"Properties": {"C": None}}},
    }
