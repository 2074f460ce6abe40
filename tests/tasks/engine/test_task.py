from __future__ import annotations

from tiercel.tasks.engine.task import world_task


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
