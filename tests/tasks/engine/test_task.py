from __future__ import annotations

import pytest

from tiercel.domain.base.errors import RefusedInputError, TiercelError, TransientError
from tiercel.tasks.engine.retry_budget import retry_budget
from tiercel.tasks.engine.task import WorldTask, world_task


@world_task("look at a thing", "look at {thing}")
def look(thing: str) -> str:
    """Look."""
    return thing


@world_task("wait")
def wait() -> None:
    """Wait."""


def test_a_run_is_named_by_its_parameters_and_else_as_its_task_is() -> None:
    assert (look.task.name, look.task.task_run_name) == ("look at a thing", "look at {thing}")
    assert (wait.task.name, wait.task.task_run_name) == ("wait", "wait")


def test_a_task_is_tried_four_times_more_and_is_the_plain_function_by_itself() -> None:
    assert look.task.retries == 4
    assert look.fn("it") == "it"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("read history", False),
        ("report deployment", False),
        ("who protects", False),
        ("record intent", True),
        ("wait for stack", True),
        ("lookout", True),
    ],
)
def test_what_changes_or_waits_is_shown_and_a_look_is_not(name: str, shown: bool) -> None:
    assert world_task(name)(lambda: None).shown is shown
    assert world_task(name, shown=not shown)(lambda: None).shown is not shown


class Answers:
    """A thing that fails so often before it is seen."""

    def __init__(self, failures: list[TiercelError]) -> None:
        self.left = failures
        self.asked = 0

    def look(self) -> WorldTask[[], str]:
        @world_task("look at answers")
        def look() -> str:
            self.asked += 1
            if self.left:
                raise self.left.pop()
            return "seen"

        return look


def away() -> TransientError:
    return TransientError("test.reason", "nobody answers", where="a service that is down")


@pytest.mark.parametrize(("failures", "asked"), [(0, 1), (4, 5)])
def test_a_look_is_tried_again_as_often_as_a_task_of_prefect(failures: int, asked: int) -> None:
    answers = Answers([away() for _ in range(failures)])
    assert answers.look()() == "seen"
    assert answers.asked == asked


def test_a_look_that_is_tried_again_is_called_what_a_task_of_prefect_would_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures: list[TiercelError] = [away()]

    @world_task("look at a thing", "look at {thing} of {where}")
    def look_at(thing: str, where: str = "Prod") -> str:
        if failures:
            raise failures.pop()
        return thing + where

    assert look_at("orders") == "ordersProd"
    assert "look at orders of Prod is tried again: nobody answers" in caplog.messages


def test_a_look_gives_up_after_five_tries_or_when_the_budget_is_spent() -> None:
    answers = Answers([away() for _ in range(9)])
    with pytest.raises(TransientError):
        answers.look()()
    assert answers.asked == 5
    with retry_budget(1), pytest.raises(TransientError):
        answers.look()()
    assert answers.asked == 5 + 2


def test_a_look_that_is_refused_is_not_tried_again() -> None:
    refused = RefusedInputError("test.reason", "no", where="here")
    answers = Answers([refused])
    with pytest.raises(RefusedInputError):
        answers.look()()
    assert answers.asked == 1
