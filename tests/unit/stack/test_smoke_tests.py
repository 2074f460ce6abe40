from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.stack.smoke_tests import MAX_SHOWN, mismatch, parsed, shown

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_every_answer_is_as_expected_of_itself(value: Any) -> None:
    assert mismatch(value, value) == ""


@given(json_values)
def test_every_answer_is_as_expected_after_it_went_over_the_wire(value: Any) -> None:
    assert mismatch(value, json.loads(json.dumps(value))) == ""


@given(st.dictionaries(st.text(), json_values, max_size=4), st.text(), json_values)
def test_a_key_that_was_not_expected_is_no_difference(
    expected: dict[str, Any], key: str, value: Any
) -> None:
    assert mismatch(expected, {key: value} | expected) == ""


@given(json_values, json_values)
def test_any_difference_is_one_line_of_text(expected: Any, actual: Any) -> None:
    assert "\n" not in mismatch(expected, actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}),
        ({"body": {"ok": True}}, {"body": '{"ok": true, "more": 1}'}),
        ({"body": [1, 2]}, {"body": "[1, 2]"}),
        ({"body": "[1, 2]"}, {"body": "[1, 2]"}),
        ({"items": [{"id": 1}]}, {"items": [{"id": 1, "name": "tea"}]}),
        ([{"body": {"a": 1}}], [{"body": '{"a": 1}'}]),
        (1, 1.0),
        (2.0, 2),
        ([1], [1.0]),
        (None, None),
        ([], []),
    ],
)
def test_an_answer_may_hold_more_or_be_written_differently(expected: Any, actual: Any) -> None:
    assert mismatch(expected, actual) == ""


@pytest.mark.parametrize(
    ("expected", "actual", "message"),
    [
        ({"statusCode": 200}, {"statusCode": 500}, "answer.statusCode is 500, expected 200"),
        ({"statusCode": 200}, {}, "answer.statusCode is missing"),
        ({"a": {"b": None}}, {"a": {}}, "answer.a.b is missing"),
        ({"a": None}, {"a": 0}, "answer.a is 0, expected null"),
        ({"body": {"ok": True}}, {"body": "ok"}, 'answer.body is "ok", expected {"ok": true}'),
        ({"body": {"a": 1}}, {"body": "[1]"}, 'answer.body is [1], expected {"a": 1}'),
        ({"body": "[1,2]"}, {"body": "[1, 2]"}, 'answer.body is "[1, 2]", expected "[1,2]"'),
        (True, 1, "answer is 1, expected true"),
        (1, True, "answer is true, expected 1"),
        (0, False, "answer is false, expected 0"),
        ([1], [True], "answer[0] is true, expected 1"),
        ("1", 1, 'answer is 1, expected "1"'),
        ({}, [], "answer is [], expected {}"),
        ([], {}, "answer is {}, expected []"),
        ({}, None, "answer is null, expected {}"),
        ([1, 2], [2, 1], "answer[0] is 2, expected 1"),
        ([1], [1, 2], "answer is [1, 2], expected [1]"),
        ({"items": [{"id": 1}]}, {"items": [{"id": 2}]}, "answer.items[0].id is 2, expected 1"),
        ("Tea", "tea", 'answer is "tea", expected "Tea"'),
    ],
)
def test_the_first_difference_is_shown_with_its_place(
    expected: Any, actual: Any, message: str
) -> None:
    assert mismatch(expected, actual) == message


@given(st.text())
def test_any_text_is_read_as_json_or_left_as_it_is(text: str) -> None:
    try:
        assert parsed(text) == json.loads(text)
    except ValueError:
        assert parsed(text) == text


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "", "{"])
def test_a_hostile_answer_stays_text(text: str) -> None:
    assert parsed(text) == text
    assert mismatch({"ok": True}, text).startswith("answer is ")


@given(json_values)
def test_what_is_shown_is_short_and_has_nothing_but_visible_ascii(value: Any) -> None:
    text = shown(value)
    assert len(text) <= MAX_SHOWN + len(" ...")
    assert text.isascii()
    assert text.isprintable()


def test_a_long_answer_is_cut_and_says_so() -> None:
    assert shown("x" * 1000) == '"' + "x" * (MAX_SHOWN - 1) + " ..."


def test_what_is_no_json_is_shown_as_text() -> None:
    assert shown({"body": b"\x00"}) == '{"body": "b\'\\\\x00\'"}'
