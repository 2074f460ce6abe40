from __future__ import annotations

import pytest

from tests.oracle.findings import (
    Answer,
    Finding,
    checkov_findings,
    idle,
    lint_findings,
    parliament_findings,
    read_answers,
    unanswered,
)
from tests.oracle.judges import UnavailableError

FOUND = Finding("CKV_1", "terraform/main.tf", "aws_s3_bucket.this", "Ensure that all is well")


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    try:
        return [*checkov_findings(), *lint_findings(), *parliament_findings()]
    except UnavailableError as error:
        pytest.skip(str(error))


def test_no_finding_is_without_an_answer(findings: list[Finding]) -> None:
    assert [str(one) for one in unanswered(findings, read_answers())] == []


def test_no_answer_is_without_a_finding(findings: list[Finding]) -> None:
    assert idle(findings, read_answers()) == []


def test_every_answer_has_a_reason_and_stands_once() -> None:
    answers = read_answers()
    assert all(len(each.reason.split()) > 5 for each in answers)
    places = [(each.rule, place) for each in answers for place in each.places]
    assert len(set(places)) == len(places)


def test_a_new_finding_and_an_answer_to_nothing_are_told() -> None:
    here = Answer("CKV_1", ("terraform/*.tf *",), "reason")
    elsewhere = Answer("CKV_1", ("examples/*",), "reason")
    assert unanswered([FOUND], [here]) == []
    assert idle([FOUND], [here]) == []
    assert unanswered([FOUND], [elsewhere]) == [FOUND]
    assert unanswered([FOUND], [Answer("CKV_2", ("*",), "reason")]) == [FOUND]
    assert idle([FOUND], [here, elsewhere]) == ["CKV_1 examples/*"]
