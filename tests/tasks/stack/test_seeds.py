from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures, smoke_fixtures
from tests.tasks.aws_fixtures import Between
from tests.tasks.faults import Answer, Faults, Question, error, once
from tests.tasks.smoke_fixtures import ERRORS_OF_A_FUNCTION, hanging
from tiercel.domain.base.errors import SmokeTestFailedError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.services import StackSeed
from tiercel.domain.stack.observed import Stack
from tiercel.tasks.stack.seeds import seed_stack

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between
stack = smoke_fixtures.stack

pytestmark = pytest.mark.usefixtures("aws")


@pytest.mark.parametrize("broken", [0, 5], ids=["closed", "cut-short"])
def test_a_seed_whose_connection_breaks_is_invoked_once_as_it_may_have_run(
    runtime: Access, stack: Stack, between: Between, broken: int
) -> None:
    invocations: list[str] = []

    def lose(question: Question, answer: Answer) -> Answer | None:
        if not question.path.endswith("/invocations"):
            return answer
        invocations.append(question.path)
        part = replace(answer, body=answer.body[:broken], claimed_length=len(answer.body))
        return part if broken else None

    seed = StackSeed(invoke="Echo", payload={"answer": "a long one"})
    with between(lose), pytest.raises(SmokeTestFailedError, check=because("seed.no_answer")):
        seed_stack.fn(runtime, stack, seed)

    assert len(invocations) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ServiceException", 500),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("504", 504),
    ],
)
def test_a_seed_that_lambda_itself_fails_at_is_invoked_once_as_it_may_have_run(
    faults: Faults, runtime: Access, stack: Stack, code: str, status: int
) -> None:
    faults.inject(once("lambda", "Invoke", **error(code, status)))

    with pytest.raises(SmokeTestFailedError, check=because("seed.no_answer")):
        seed_stack.fn(runtime, stack, StackSeed(invoke="Echo", payload={}))

    assert faults.fired() == ["Invoke"]


def test_a_seed_that_does_not_answer_in_time_is_invoked_once_as_it_may_still_be_at_work(
    runtime: Access, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        hanging(monkeypatch) as invocations,
        pytest.raises(SmokeTestFailedError, check=because("seed.no_answer")),
    ):
        seed_stack.fn(runtime, stack, StackSeed(invoke="Echo"), seconds=1)

    assert len(invocations) == 1


@pytest.mark.parametrize(("code", "status"), ERRORS_OF_A_FUNCTION)
def test_a_seed_whose_function_lambda_cannot_run_is_tried_again(
    faults: Faults, runtime: Access, stack: Stack, code: str, status: int
) -> None:
    faults.inject(once("lambda", "Invoke", **error(code, status)))

    assert seed_stack.fn(runtime, stack, StackSeed(invoke="Echo", payload={})) == "{}"
    assert faults.fired() == ["Invoke"]
