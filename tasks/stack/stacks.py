"""CloudFormation stacks: look at one, wait for it, delete it, roll it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tiercel.domain.organization.access import Access
from tiercel.domain.pages.links import Links
from tiercel.domain.release.live import StackSeen
from tiercel.domain.stack.events import StackEvent, finished_and_known, goes_back, tells_the_end
from tiercel.domain.stack.failures import vanished
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus, is_terminal
from tiercel.domain.traffic.shifts import USUAL_WAIT, Shift, longest_wait
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, message_of, translated
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.progress import Progress
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.stack.events import EventStream
from tiercel.tasks.stack.shifts import ShiftWatch
from tiercel.tasks.stack.under_way import StacksUnderWay

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import DeleteStackInputTypeDef, StackTypeDef

FIRST_POLL_SECONDS = 0.2
_POLL_GROWTH = 1.2
_LONGEST_UNLOOKED = 15.0
"""Seconds of waiting after which a stack is looked at, whatever its events say."""
_AT_ONCE = 8
"""Stacks that are looked at at the same time."""


@world_task("observe stack", "observe stack {name}")
def observe_stack(access: Access, name: str) -> Stack | None:
    """Return the stack, or None if there is none. `name` may be a stack id."""
    stack = describe(access, name)
    if stack is None or stack.status is StackStatus.DELETE_COMPLETE:
        return None
    return replace(stack, token=newest_token(access, stack))


def newest_token(access: Access, stack: Stack) -> str:
    """Return the client token of the newest operation on a stack."""
    with translated("read a stack's events", where_is(access, stack.name)):
        return EventStream(access, stack.stack_id).newest_token()


@world_task("look at stacks")
def look_at_stacks(access: Access, names: Sequence[str]) -> list[StackSeen]:
    """Return of each stack whether it is there and what was done to it last, in this order."""

    def seen(name: str) -> StackSeen:
        stack = observe_stack.fn(access, name)
        return StackSeen(exists=stack is not None, token=stack.token if stack else "")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(seen, names))


@world_task("delete stack", "delete stack {stack.name}")
def delete_stack(
    access: Access, stack: Stack, token: str, retained: Sequence[str] = (), *, express: bool = False
) -> None:
    """Start to delete a stack by its id, so that a namesake is never hit.

    `retained` are logical ids that stay, of a stack in DELETE_FAILED alone. `express` ends the
    operation as soon as AWS has taken every deletion, which may go on after that:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
    """
    request: DeleteStackInputTypeDef = {"StackName": stack.stack_id, "ClientRequestToken": token}
    if retained:
        request["RetainResources"] = list(retained)
    if express:
        request["DeploymentConfig"] = {"Mode": "EXPRESS"}
    with translated("delete a stack", where_is(access, stack.name)), _started_once():
        client("cloudformation", access).delete_stack(**request)


@world_task("protect stack", "protect stack {stack.name}")
def protect_stack(access: Access, stack: Stack) -> None:
    """Turn the stack's termination protection on. Repeatable."""
    with translated("protect a stack", where_is(access, stack.name)):
        client("cloudformation", access).update_termination_protection(
            StackName=stack.stack_id, EnableTerminationProtection=True
        )


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


@world_task("roll back stack", "roll back stack {stack.name}")
def roll_back_stack(access: Access, stack: Stack, token: str) -> None:
    """Start to bring a stack whose operation failed without rollback to its stable state."""
    with translated("roll back a stack", where_is(access, stack.name)), _started_once():
        client("cloudformation", access).rollback_stack(
            StackName=stack.stack_id, ClientRequestToken=token
        )


@world_task("continue rollback", "continue rollback of stack {stack.name}")
def continue_rollback(access: Access, stack: Stack, token: str) -> None:
    """Start a failed rollback once more, skipping no resource."""
    with translated("continue a rollback", where_is(access, stack.name)), _started_once():
        client("cloudformation", access).continue_update_rollback(
            StackName=stack.stack_id, ClientRequestToken=token
        )


@contextmanager
def _started_once() -> Iterator[None]:
    """An operation that this very token has started already is under way, or was.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
    """
    try:
        yield
    except ClientError as error:
        if code_of(error) != "TokenAlreadyExistsException":
            raise


def physical_id(access: Access, stack: str, logical_id: str) -> str | None:
    """Return the physical id of one of a stack's resources; None if it has none of that name."""
    with translated("find a resource", f"{where_is(access, stack)}, resource {logical_id}"):
        try:
            answer = client("cloudformation", access).describe_stack_resource(
                StackName=stack, LogicalResourceId=logical_id
            )
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in message_of(error):
                return None
            raise
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def describe(access: Access, name: str) -> Stack | None:
    """Return what DescribeStacks says of a stack by name or id, None if there is none."""
    found = described(access, name)
    return observed_stack(found) if found else None


def described(access: Access, name: str) -> StackTypeDef | None:
    """Return all that DescribeStacks says of a stack, in AWS's form."""
    with translated("look at a stack", where_is(access, name)):
        try:
            answer = client("cloudformation", access).describe_stacks(StackName=name)
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
    return answer["Stacks"][0]


def observed_stack(stack: StackTypeDef) -> Stack:
    """Return a stack in our form; its newest operation is not told by DescribeStacks."""
    return Stack(
        stack_id=stack["StackId"],
        name=stack["StackName"],
        status=StackStatus(stack["StackStatus"]),
        reason=stack.get("StackStatusReason", ""),
        outputs={o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", ())},
        tags={tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())},
        protected=stack.get("EnableTerminationProtection", False),
        drifted=stack.get("DriftInformation", {}).get("StackDriftStatus") == "DRIFTED",
    )


def _there(access: Access, name: str) -> Stack:
    stack = describe(access, name)
    if stack is None:
        raise vanished(where_is(access, name))
    return stack


def where_is(access: Access, stack: str) -> str:
    """Return the place of a stack as error messages name it."""
    return f"stack {stack}, account {access.account}, region {access.region}"


def longer(delay: float, longest: float = USUAL_WAIT) -> float:
    """Return the next delay between two looks: up to 2.5 seconds, or as long as is said."""
    return min(delay * _POLL_GROWTH, longest)
