"""CloudFormation: look at a stack, plan a change set, execute it, wait for the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from domain.access import Access
from domain.digests import digest_of
from domain.errors import DeployFailedError
from domain.plan import Change, Plan, change_of
from domain.stack_states import StackStatus, is_terminal
from tasks.aws_errors import code_of, message_of, translated
from tasks.clients import client
from tasks.pausing import pause
from tasks.stack_events import EventStream, StackEvent
from tasks.task import run_logger, world_task

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_FIRST_POLL_SECONDS = 0.2
_LONGEST_POLL_SECONDS = 5.0
_POLL_GROWTH = 1.4
# The change set is gone or at work: AWS drops one that was executed.
_EXECUTED_ALREADY = (
    "ChangeSetNotFound",
    "ChangeSetNotFoundException",
    "InvalidChangeSetStatus",
    "InvalidChangeSetStatusException",
    "TokenAlreadyExistsException",
)
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Stack:
    """What CloudFormation says of a stack. `token` is that of its newest operation."""

    stack_id: str
    name: str
    status: StackStatus
    reason: str
    outputs: dict[str, str]
    token: str = ""


@dataclass(frozen=True)
class ChangeSetRequest:
    """Everything that a change set is made from."""

    stack: str
    name: str
    creates_stack: bool
    template_url: str
    template_sha256: str
    parameters: dict[str, str]
    service_role: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def contents(self) -> str:
        """Kept as the change set's description, to tell it from another of the same name."""
        return digest_of([self.template_sha256, self.parameters])


@world_task("observe stack", "observe stack {name}")
def observe_stack(access: Access, name: str) -> Stack | None:
    """Return the stack, or None if there is none. `name` may be a stack id."""
    stack = _describe(access, name)
    if stack is None or stack.status is StackStatus.DELETE_COMPLETE:
        return None
    with translated("read a stack's events", _where(access, name)):
        token = EventStream(access, stack.stack_id).newest_token()
    return Stack(**{**vars(stack), "token": token})


@world_task("plan changes", "plan {request.stack}")
def plan_changes(access: Access, request: ChangeSetRequest) -> Plan:
    """Create a change set and return it as a plan; an earlier one of that name is adopted.

    Raises DeployFailedError with CloudFormation's reason if it refuses the template, and
    for an earlier change set that has other contents or that the stack has outrun.
    """
    cloudformation = client("cloudformation", access)
    with translated("create a change set", _where(access, request.stack)):
        try:
            cloudformation.create_change_set(
                StackName=request.stack,
                ChangeSetName=request.name,
                ChangeSetType="CREATE" if request.creates_stack else "UPDATE",
                TemplateURL=request.template_url,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in request.parameters.items()
                ],
                Capabilities=_CAPABILITIES,
                RoleARN=request.service_role,
                Tags=[{"Key": key, "Value": value} for key, value in request.tags.items()],
                Description=request.contents,
                ClientToken=request.name,
            )
        except ClientError as error:
            if code_of(error) == "ValidationError":
                raise _rejected(access, request, message_of(error), left=False) from error
            if code_of(error) != "AlreadyExistsException":
                raise
        return _finished_plan(access, request)


def _finished_plan(access: Access, request: ChangeSetRequest) -> Plan:
    """Wait until CloudFormation has computed the change set."""
    delay = _FIRST_POLL_SECONDS
    while True:
        answer, changes = _describe_change_set(access, request)
        if answer["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        pause(delay)
        delay = min(delay * _POLL_GROWTH, _LONGEST_POLL_SECONDS)
    if answer.get("Description") != request.contents or answer.get("ExecutionStatus") == "OBSOLETE":
        raise DeployFailedError(
            f"change set {request.name} cannot be adopted",
            where=_where(access, request.stack),
            why="it was made from something else, or the stack has changed since",
            state="no resource was changed",
            remedy="release again, under a new number",
        )
    reason = str(answer.get("StatusReason", ""))
    if answer["Status"] == "FAILED" and not any(text in reason for text in _NO_CHANGES):
        raise _rejected(access, request, reason, left=request.creates_stack)
    return Plan(
        stack=request.stack,
        change_set_id=answer["ChangeSetId"],
        template_sha256=request.template_sha256,
        parameters=request.parameters,
        changes=changes if answer["Status"] == "CREATE_COMPLETE" else (),
    )


def _describe_change_set(
    access: Access, request: ChangeSetRequest
) -> tuple[dict[str, Any], tuple[Change, ...]]:
    changes: list[Change] = []
    arguments = {"StackName": request.stack, "ChangeSetName": request.name}
    while True:
        answer = client("cloudformation", access).describe_change_set(**arguments)
        changes += [change_of(c["ResourceChange"]) for c in answer.get("Changes", ())]
        if not answer.get("NextToken"):
            return answer, tuple(changes)
        arguments["NextToken"] = answer["NextToken"]


@world_task("discard plan", "discard empty plan of {plan.stack}")
def discard_plan(access: Access, plan: Plan) -> None:
    """Delete a change set that changes nothing."""
    with translated("delete a change set", _where(access, plan.stack)):
        client("cloudformation", access).delete_change_set(
            StackName=plan.stack, ChangeSetName=plan.change_set_id
        )


@world_task("execute plan", "execute plan of {plan.stack}")
def execute_plan(access: Access, plan: Plan, token: str) -> None:
    """Start the changes, once: if another run of the same release has, that is enough."""
    with translated("execute a change set", _where(access, plan.stack)):
        try:
            client("cloudformation", access).execute_change_set(
                StackName=plan.stack, ChangeSetName=plan.change_set_id, ClientRequestToken=token
            )
        except ClientError as error:
            if code_of(error) not in _EXECUTED_ALREADY:
                raise
            stack = _describe(access, plan.stack)
            if not stack or EventStream(access, stack.stack_id).newest_token() != token:
                raise


@world_task("delete stack", "delete stack {stack.name}")
def delete_stack(access: Access, stack: Stack, token: str) -> None:
    """Start to delete a stack by its id, so that a namesake is never hit."""
    with translated("delete a stack", _where(access, stack.name)):
        client("cloudformation", access).delete_stack(
            StackName=stack.stack_id, ClientRequestToken=token
        )


@world_task("wait for stack", "wait for stack {name}")
def wait_for_stack(access: Access, name: str, service: str) -> tuple[Stack, list[StackEvent]]:
    """Wait until no operation is in progress; return the stack and the events seen.

    Polls every 0.2 seconds at first and every 5 seconds later. Each event goes to the
    run's log as it comes. `name` may be a stack id; a deleted stack has to be asked for
    by its id.
    """
    logger, delay, seen = run_logger(), _FIRST_POLL_SECONDS, []
    events: EventStream | None = None
    with translated("watch a stack", _where(access, name)):
        while True:
            stack = _describe(access, name)
            if stack is None:
                raise DeployFailedError("the stack has vanished", where=_where(access, name))
            events = events or EventStream(access, stack.stack_id, current_operation=True)
            fresh = events.fresh()
            seen += fresh
            for event in fresh:
                logger.info("%s: %s", service, event.line())
            if is_terminal(stack.status):
                return stack, seen
            pause(delay)
            delay = delay if fresh else min(delay * _POLL_GROWTH, _LONGEST_POLL_SECONDS)


@world_task("roll back stack", "roll back stack {stack.name}")
def roll_back_stack(access: Access, stack: Stack, token: str) -> None:
    """Start to bring a stack whose operation failed without rollback to its stable state."""
    with translated("roll back a stack", _where(access, stack.name)):
        client("cloudformation", access).rollback_stack(
            StackName=stack.stack_id, ClientRequestToken=token
        )


@world_task("continue rollback", "continue rollback of stack {stack.name}")
def continue_rollback(access: Access, stack: Stack, token: str) -> None:
    """Start a failed rollback once more, skipping no resource."""
    with translated("continue a rollback", _where(access, stack.name)):
        client("cloudformation", access).continue_update_rollback(
            StackName=stack.stack_id, ClientRequestToken=token
        )


def physical_id(access: Access, stack: str, logical_id: str) -> str | None:
    """Return the physical id of one of a stack's resources; None if it has none of that name."""
    with translated("find a resource", f"{_where(access, stack)}, resource {logical_id}"):
        try:
            answer = client("cloudformation", access).describe_stack_resource(
                StackName=stack, LogicalResourceId=logical_id
            )
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in message_of(error):
                return None
            raise
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def _describe(access: Access, name: str) -> Stack | None:
    with translated("look at a stack", _where(access, name)):
        try:
            answer = client("cloudformation", access).describe_stacks(StackName=name)
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
    stack = answer["Stacks"][0]
    return Stack(
        stack_id=stack["StackId"],
        name=stack["StackName"],
        status=StackStatus(stack["StackStatus"]),
        reason=stack.get("StackStatusReason", ""),
        outputs={o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", ())},
    )


def _rejected(
    access: Access, request: ChangeSetRequest, reason: str, *, left: bool
) -> DeployFailedError:
    return DeployFailedError(
        f"CloudFormation refuses the template of stack {request.stack}",
        where=_where(access, request.stack),
        why=reason,
        state="no resource was changed" + ("; an empty stack is left in review" if left else ""),
        remedy="correct the template or its parameters and release again",
    )


def _where(access: Access, stack: str) -> str:
    return f"stack {stack}, account {access.account}, region {access.region}"
