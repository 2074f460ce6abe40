"""Waits for the operation that is in progress on a stack, and tells what it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tiercel.domain.organization.access import Access
from tiercel.domain.pages.links import Links
from tiercel.domain.stack.events import StackEvent, finished_and_known, goes_back, tells_the_end
from tiercel.domain.stack.failures import vanished
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import is_terminal
from tiercel.domain.traffic.shifts import Shift, longest_wait
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.progress import Progress
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.stack.events import EventStream
from tiercel.tasks.stack.stacks import FIRST_POLL_SECONDS, describe, longer, where_is
from tiercel.tasks.stack.waiting.shifts import ShiftWatch
from tiercel.tasks.stack.waiting.under_way import StacksUnderWay

_LONGEST_UNLOOKED = 15.0
"""Seconds of waiting after which a stack is looked at, whatever its events say."""


@world_task("wait for stack", "wait for {service}")
def wait_for_stack(  # noqa: PLR0913 - which stack, and how it is told
    access: Access,
    name: str,
    service: str,
    planned: int = 0,
    *,
    is_new: bool = False,
    links: Links | None = None,
    under_way: StacksUnderWay | None = None,
) -> tuple[Stack, list[StackEvent]]:
    """Wait until no operation is in progress; return the stack and the events seen.

    The stack has the token of its newest operation: another one than was waited for, if somebody
    else has begun one by then.

    Reads its events every 0.2 seconds at first and every 2.5 seconds later, and looks at the stack
    itself when they say that it ended, or every 15 seconds, should they not. Each event goes to the
    run's log as it comes, and a long wait gets a bar: `planned` is how many resources the
    plan changes. Traffic that shifts meanwhile is told as well, and looked at every 15 seconds at
    most. `name` may be a stack id; a deleted stack has to be asked for by its id. Of a
    stack that `is_new` every event is of this operation, also those before a deletion. With
    `links` a shift is told with its page in the console. Whoever waits for many stacks at once
    shares what is `under_way`, and names the stack by its id: it is looked at when it is not any
    more, or every 15 seconds.
    """
    return follow_stack(
        access, name, service, planned, is_new=is_new, links=links, under_way=under_way
    )


def follow_stack(  # noqa: PLR0913 - as wait_for_stack, and who looks too
    access: Access,
    name: str,
    service: str,
    planned: int = 0,
    *,
    is_new: bool = False,
    links: Links | None = None,
    under_way: StacksUnderWay | None = None,
    looks: Callable[[Stack, Sequence[Shift]], None] | None = None,
) -> tuple[Stack, list[StackEvent]]:
    """Wait as `wait_for_stack` promises; each look is shared with `looks`, with what shifts.

    Not while the stack goes back: what shifts then is on its way to the version before.
    """
    logger, seen = run_logger(), list[StackEvent]()
    delay, unlooked = FIRST_POLL_SECONDS, 0.0
    bar = Progress(f"progress-{service}", f"{service}: resources that are finished")
    with translated("watch a stack", where_is(access, name)):
        if under_way:
            under_way.rest(name, delay, _LONGEST_UNLOOKED)
        stack = _there(access, name)
        events = EventStream(access, stack.stack_id, current_operation=not is_new)
        watch = ShiftWatch(access, stack.stack_id, service, links)
        while True:
            fresh = events.fresh()
            seen += fresh
            for event in fresh:
                logger.info("%s: %s", service, event.line())
            bar.show(*finished_and_known(seen, planned))
            shifts = watch.look(fresh)
            if is_terminal(stack.status):
                return replace(stack, token=events.token), seen
            if looks and not goes_back(seen):
                looks(stack, shifts)
            if not tells_the_end(fresh):
                unlooked += _rested(stack, delay, under_way)
                delay = delay if fresh else longer(delay, longest_wait(shifts))
            if tells_the_end(seen) or unlooked >= _LONGEST_UNLOOKED:
                stack, unlooked = _there(access, name), 0.0


def _rested(stack: Stack, delay: float, under_way: StacksUnderWay | None) -> float:
    """Pause, and return for how many seconds by then nobody has looked at the stack.

    What is not under way any more, or has been for long, is looked at now.
    """
    if under_way is None:
        pause(delay)
        return delay
    under_way.rest(stack.stack_id, delay, _LONGEST_UNLOOKED)
    return _LONGEST_UNLOOKED


def _there(access: Access, name: str) -> Stack:
    stack = describe(access, name)
    if stack is None:
        raise vanished(where_is(access, name))
    return stack
