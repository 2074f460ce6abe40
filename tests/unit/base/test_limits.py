from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.base.limits import (
    MAX_DESCRIPTION_BYTES,
    MAX_KEY_BYTES,
    MAX_MAPPINGS,
    MAX_OUTPUTS,
    MAX_PARAMETER_BYTES,
    MAX_PARAMETERS,
    MAX_RESOURCES,
    MAX_TEMPLATE_BYTES,
    require_object_key,
    require_parameter_limits,
    require_template_limits,
    require_template_size,
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
        (MAX_MAPPINGS, 200),
        (MAX_DESCRIPTION_BYTES, 1024),
        (MAX_PARAMETER_BYTES, 4096),
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
        (MAX_KEY_BYTES, 1024),
    ],
)
def test_the_limits_are_those_of_aws(limit: int, aws: int) -> None:
    assert limit == aws


@pytest.mark.parametrize(
    ("section", "limit"),
    [
        ("Resources", MAX_RESOURCES),
        ("Parameters", MAX_PARAMETERS),
        ("Outputs", MAX_OUTPUTS),
        ("Mappings", MAX_MAPPINGS),
    ],
)
def test_a_section_may_be_full_and_not_fuller(section: str, limit: int) -> None:
    require_template_limits(template(**{section: mappings(limit)}), WHERE)
    error = refusal_of(
        lambda: require_template_limits(template(**{section: mappings(limit + 1)}), WHERE)
    )
    assert f"{limit + 1:,}" in error.what
    assert f"{limit:,}" in error.what
    assert section in error.what
    assert {part.label for part in error.failure.parts()} == {"where", "now", "do"}
    assert error.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize("resources", [None, {}, [], "Resources", 5])
def test_a_template_without_resources_is_refused(resources: Any) -> None:
    error = refusal_of(lambda: require_template_limits({"Resources": resources}, WHERE))
    assert (error.what, error.where) == ("the template has no Resources", WHERE)
    assert error.remedy


@pytest.mark.parametrize("section", ["Parameters", "Outputs"])
@pytest.mark.parametrize("value", [[1], "text", 5])
def test_a_section_that_is_no_mapping_is_refused(section: str, value: Any) -> None:
    error = refusal_of(lambda: require_template_limits(template(**{section: value}), WHERE))
    assert error.what == f"{section} must be a mapping"


@pytest.mark.parametrize("section", ["Parameters", "Outputs"])
def test_a_section_may_be_empty(section: str) -> None:
    require_template_limits(template(**{section: None}), WHERE)
    require_template_limits(template(**{section: {}}), WHERE)


@pytest.mark.parametrize("declared", [None, "String", 5, ["Default"]])
def test_a_parameter_that_is_no_mapping_is_refused(declared: Any) -> None:
    error = refusal_of(
        lambda: require_template_limits(template(Parameters={"LogLevel": declared}), WHERE)
    )
    assert error.what == "Parameters.LogLevel must be a mapping"


def test_a_template_may_have_a_million_bytes_and_not_one_more() -> None:
    require_template_size(MAX_TEMPLATE_BYTES, WHERE)
    assert "1,000,001" in refusal_of(lambda: require_template_size(1_000_001, WHERE)).what


def test_a_description_may_have_1024_bytes_and_not_one_more() -> None:
    require_template_limits(template(Description="é" * 512), WHERE)
    error = refusal_of(
        lambda: require_template_limits(template(Description="é" * 512 + "x"), WHERE)
    )
    assert "1,025" in error.what


@pytest.mark.parametrize("section", ["Resources", "Parameters", "Outputs", "Mappings"])
@pytest.mark.parametrize("name", ["My-Queue", "my_queue", "Grüße", "", "x" * 256, "../x", "a b"])
def test_a_logical_id_has_letters_and_digits_only(section: str, name: str) -> None:
    sections: dict[str, Any] = {section: {name: {}}}
    error = refusal_of(lambda: require_template_limits(template() | sections, WHERE))
    assert section in error.what
    assert error.where == WHERE


@pytest.mark.parametrize("name", ["x" * 255, "Fn::Transform", "Fn::ForEach::Queues"])
def test_the_longest_logical_id_and_what_functions_make_are_taken(name: str) -> None:
    require_template_limits({"Resources": {name: {}}}, WHERE)


def test_200_parameters_of_4096_bytes_are_taken_and_nothing_more() -> None:
    full = {f"Name{number}": "é" * 2048 for number in range(200)}
    require_parameter_limits(full, WHERE)
    assert "201" in refusal_of(lambda: require_parameter_limits(full | {"More": ""}, WHERE)).what
    error = refusal_of(lambda: require_parameter_limits({"Long": "é" * 2048 + "x"}, WHERE))
    assert error.what == "too many bytes in parameter Long: 4,097; AWS takes 4,096"


@pytest.mark.parametrize("key", ["a", "packages/1.zip", "x" * 1024, "é" * 512, "a..b/.c", "a//b"])
def test_a_key_that_s3_takes_is_taken(key: str) -> None:
    require_object_key(key, WHERE)


@pytest.mark.parametrize(
    "key",
    ["", "../a", "a/../b", "a/./b", "a\x00b", "a\nb", "x" * 1025, "é" * 513],
)
def test_a_key_that_is_too_long_or_another_path_is_refused(key: str) -> None:
    refusal_of(lambda: require_object_key(key, WHERE))
