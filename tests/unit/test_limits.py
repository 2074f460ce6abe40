from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ExitCode, RefusedInputError
from domain.limits import (
    MAX_NAME_BYTES,
    MAX_OUTPUTS,
    MAX_PACKAGE_FILES,
    MAX_PARAMETERS,
    MAX_RESOURCES,
    MAX_TEMPLATE_BYTES,
    MAX_UNZIPPED_BYTES,
    check_package,
    check_template,
    check_template_size,
)

WHERE = "services/orders/template.yaml"


def mappings(count: int) -> dict[str, Any]:
    return {f"Name{number}": {} for number in range(count)}


def template(**sections: Any) -> dict[str, Any]:
    return {"Resources": mappings(1), **sections}


def refusal_of(check: Callable[[], None]) -> RefusedInputError:
    with pytest.raises(RefusedInputError) as refusal:
        check()
    return refusal.value


# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
@pytest.mark.parametrize(
    ("limit", "aws"),
    [
        (MAX_TEMPLATE_BYTES, 1_000_000),
        (MAX_PARAMETERS, 200),
        (MAX_RESOURCES, 500),
        (MAX_OUTPUTS, 200),
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        (MAX_UNZIPPED_BYTES, 262_144_000),
        # Two bytes of the zip's end record count the files; 65,535 means zip64.
        (MAX_PACKAGE_FILES, 2**16 - 2),
    ],
)
def test_the_limits_are_those_of_aws(limit: int, aws: int) -> None:
    assert limit == aws


@pytest.mark.parametrize(
    ("section", "limit"),
    [("Resources", MAX_RESOURCES), ("Parameters", MAX_PARAMETERS), ("Outputs", MAX_OUTPUTS)],
)
def test_a_section_may_be_full_and_not_fuller(section: str, limit: int) -> None:
    check_template(template(**{section: mappings(limit)}), WHERE)
    error = refusal_of(lambda: check_template(template(**{section: mappings(limit + 1)}), WHERE))
    assert f"{limit + 1:,}" in error.what
    assert f"{limit:,}" in error.what
    assert section in error.what
    assert error.parts().keys() == {"what", "where", "now", "do"}
    assert error.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize("resources", [None, {}, [], "Resources", 5])
def test_a_template_without_resources_is_refused(resources: Any) -> None:
    error = refusal_of(lambda: check_template({"Resources": resources}, WHERE))
    assert (error.what, error.where) == ("the template has no Resources", WHERE)
    assert error.remedy


@pytest.mark.parametrize("section", ["Parameters", "Outputs"])
@pytest.mark.parametrize("value", [[1], "text", 5])
def test_a_section_that_is_no_mapping_is_refused(section: str, value: Any) -> None:
    error = refusal_of(lambda: check_template(template(**{section: value}), WHERE))
    assert error.what == f"{section} must be a mapping"


@pytest.mark.parametrize("section", ["Parameters", "Outputs"])
def test_a_section_may_be_empty(section: str) -> None:
    check_template(template(**{section: None}), WHERE)
    check_template(template(**{section: {}}), WHERE)


@pytest.mark.parametrize("declared", [None, "String", 5, ["Default"]])
def test_a_parameter_that_is_no_mapping_is_refused(declared: Any) -> None:
    error = refusal_of(lambda: check_template(template(Parameters={"LogLevel": declared}), WHERE))
    assert error.what == "Parameters.LogLevel must be a mapping"


def test_a_template_may_have_a_million_bytes_and_not_one_more() -> None:
    check_template_size(MAX_TEMPLATE_BYTES, WHERE)
    assert "1,000,001" in refusal_of(lambda: check_template_size(1_000_001, WHERE)).what


def test_a_package_may_have_250_mib_unzipped_and_not_one_byte_more() -> None:
    check_package(["app.py"], MAX_UNZIPPED_BYTES, WHERE)
    error = refusal_of(lambda: check_package(["app.py"], MAX_UNZIPPED_BYTES + 1, WHERE))
    assert "262,144,001" in error.what
    assert error.remedy


def test_a_package_may_have_65534_files_and_not_one_more() -> None:
    names = [str(number) for number in range(MAX_PACKAGE_FILES)]
    check_package(names, 0, WHERE)
    assert "65,535" in refusal_of(lambda: check_package([*names, "x"], 0, WHERE)).what


@pytest.mark.parametrize(
    ("longest", "longer"),
    [("x" * MAX_NAME_BYTES, "x" * (MAX_NAME_BYTES + 1)), ("é" * 512, "é" * 512 + "x")],
)
def test_a_name_may_have_1024_bytes_and_not_one_more(longest: str, longer: str) -> None:
    check_package([longest], 0, WHERE)
    assert "1,025" in refusal_of(lambda: check_package([longer], 0, WHERE)).what


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("App.py", "app.py"),
        ("lib/README", "lib/readme"),
        ("Lib/x", "lib/x"),
        ("Straße", "STRASSE"),
        ("É", "é"),
    ],
)
def test_two_names_that_differ_in_case_only_are_refused_and_both_shown(
    one: str, other: str
) -> None:
    error = refusal_of(lambda: check_package([one, "between", other], 0, WHERE))
    assert one in error.why
    assert other in error.why


def test_a_name_that_is_not_utf_8_is_refused_and_shown_without_its_bytes() -> None:
    error = refusal_of(lambda: check_package(["a/\udcff.py"], 0, WHERE))
    assert error.what == "a file's name is not UTF-8"
    assert error.why == r"'a/\udcff.py'"


@given(st.lists(st.text(max_size=20), max_size=20))
def test_any_names_are_taken_or_refused_and_never_anything_else(names: list[str]) -> None:
    try:
        check_package(names, 0, WHERE)
    except RefusedInputError:
        return
    assert len({name.casefold() for name in names}) == len(set(names))
