"""CloudFormation stacks: look at one, delete it, roll it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tiercel.domain.organization.access import Access
from tiercel.domain.release.live import StackSeen
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.traffic.shifts import USUAL_WAIT
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, message_of, translated
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.stack.events import EventStream

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import DeleteStackInputTypeDef, StackTypeDef

FIRST_POLL_SECONDS = 0.2
_POLL_GROWTH = 1.2
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
    """Return of each stack whether it is there and what was done to it last, in this order.

    One that has nothing but a plan for it is not there yet.
    """

    def seen(name: str) -> StackSeen:
        stack = observe_stack.fn(access, name)
        if stack is None or stack.status is StackStatus.REVIEW_IN_PROGRESS:
            return StackSeen(exists=False)
        return StackSeen(exists=True, token=stack.token)

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


def where_is(access: Access, stack: str) -> str:
    """Return the place of a stack as error messages name it."""
    return f"stack {stack}, account {access.account}, region {access.region}"


def longer(delay: float, longest: float = USUAL_WAIT) -> float:
    """Return the next delay between two looks: up to 2.5 seconds, or as long as is said."""
    return min(delay * _POLL_GROWTH, longest)
