"""Seeds: a function of a new stack fills it with data."""

from __future__ import annotations

from tiercel.domain.base.errors import SmokeTestFailedError
from tiercel.domain.organization.access import Access
from tiercel.domain.organization.services import SmokeTest, StackSeed
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.smoke_tests import mismatch, shown
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.stack.smoke_tests import SECONDS_OF_A_TRY, Invocation, invoke_function

_TRIES = 5
_SECONDS_BETWEEN_TRIES = 2.0


@world_task("seed", "seed {stack.name}")
def seed_stack(
    access: Access, stack: Stack, seed: StackSeed, seconds: int = SECONDS_OF_A_TRY
) -> str:
    """Invoke the function that fills a stack, and return its answer as one short line.

    Only what did not run, because it is not ready yet, is tried again: five times, two seconds
    apart. What does not answer within so many seconds, whose connection breaks, or at which Lambda
    itself fails, may have run or still be at work. Raises SmokeTestFailedError then, and if it
    fails or answers something else.
    """
    where = f"stack {stack.name}, account {access.account}, region {access.region}"
    invoked = _invoked(access, stack, seed, seconds, where)
    for _ in range(_TRIES - 1):
        if invoked.ran:
            break
        pause(_SECONDS_BETWEEN_TRIES)
        invoked = _invoked(access, stack, seed, seconds, where)
    if not invoked.answered:
        raise _unanswered(stack, where, invoked.problem)
    problem = invoked.problem
    if not problem and seed.expect is not None:
        problem = mismatch(seed.expect, invoked.answer)
    if not problem:
        return shown(invoked.answer)
    raise SmokeTestFailedError(
        "seed.failed",
        f"{stack.name} could not be filled with data",
        where=where,
        why=problem,
        state="the stack is there, with as much data as the function has written",
        remedy="read the function's log and correct it; it is invoked again by the next run",
    )


def _invoked(access: Access, stack: Stack, seed: StackSeed, seconds: int, where: str) -> Invocation:
    call = SmokeTest(invoke=seed.invoke, payload=seed.payload)
    return invoke_function(access, stack, call, seconds, where, repeatable=False)


def _unanswered(stack: Stack, where: str, why: str) -> SmokeTestFailedError:
    return SmokeTestFailedError(
        "seed.no_answer",
        f"whether {stack.name} was filled with data is not known",
        where=where,
        why=why,
        state="the function may have run, or still be at work; it was not invoked again",
        remedy="see in the function's log whether it has ended, and let it answer within a minute; "
        "it is invoked again by the next run",
    )
