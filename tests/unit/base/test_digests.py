from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.digests import canonical_json, digest_of, sha256_hex, short
from tiercel.domain.base.git_names import short_commit

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


@given(json_values)
def test_the_order_of_keys_does_not_change_the_canonical_form(value: Any) -> None:
    assert canonical_json(value) == canonical_json(reversed_keys(value))


@given(json_values)
def test_the_canonical_form_loses_nothing(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@given(json_values, json_values)
def test_two_values_share_a_digest_only_if_they_are_written_the_same(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest_of(one) == digest_of(other)) is same


def test_the_canonical_form_has_sorted_keys_no_spaces_and_utf_8() -> None:
    assert (
        canonical_json({"b": [1, True, None], "a": "é"}) == '{"a":"é","b":[1,true,null]}'.encode()
    )


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb"])
def test_half_a_character_has_a_canonical_form_too(text: str) -> None:
    assert digest_of({"name": text}) != digest_of({"name": "?"})


@given(st.binary(max_size=100))
def test_a_digest_is_sha_256_in_64_lower_case_digits(data: bytes) -> None:
    assert sha256_hex(data) == hashlib.sha256(data).hexdigest()
    assert len(sha256_hex(data)) == 64


def test_the_digest_of_a_value_is_that_of_its_canonical_form() -> None:
    # printf '{"a":1}' | sha256sum
    assert digest_of({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_people_compare_12_digits_of_a_digest_and_7_of_a_commit_as_git_does() -> None:
    assert short(sha256_hex(b"")) == "e3b0c44298fc"
    assert short_commit("0123456789abcdef" * 4) == "0123456"
