"""CloudFormation change sets: a plan is computed, looked at, executed or discarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.organization.access import Access
from tiercel.domain.stack.plan import Change, Plan, change_of
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, message_of, translated
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.stack.events import EventStream
from tiercel.tasks.stack.stacks import FIRST_POLL_SECONDS, describe, longer, where_is

_CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
# The change set is gone or at work: AWS drops one that was executed.
_GONE = ("ChangeSetNotFound", "ChangeSetNotFoundException")
_EXECUTED_ALREADY = (
    *_GONE,
    "InvalidChangeSetStatus",
    "InvalidChangeSetStatusException",
    "TokenAlreadyExistsException",
)
_LOOKS = 4
_LOOK_SECONDS = 0.4
_AT_WORK = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
_EXECUTABLE = ("CREATE_COMPLETE", "AVAILABLE")
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


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
    deleted_on_failure: bool = False
    """Whether a stack whose first create fails is deleted, and not left in ROLLBACK_COMPLETE."""

    @property
    def contents(self) -> str:
        """Kept as the change set's description, to tell it from another of the same name."""
        return digest_of([self.template_sha256, self.parameters])


@world_task("plan changes", "plan {request.stack}")
def plan_changes(access: Access, request: ChangeSetRequest) -> Plan | None:
    """Create a change set and return it as a plan; an earlier one of that name is adopted.

    None if another run of the same release has executed it already. Raises
    DeployFailedError with CloudFormation's reason if it refuses the template, and for an
    earlier change set that has other contents or that the stack has outrun.
    """
    with translated("create a change set", where_is(access, request.stack)):
        try:
            _create_change_set(access, request)
            return _finished_plan(access, request)
        except (ClientError, DeployFailedError):
            if _executed(access, request.stack, request.name):
                return None
            raise


def _create_change_set(access: Access, request: ChangeSetRequest) -> None:
    try:
        client("cloudformation", access).create_change_set(
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
            **_on_failure(request),
        )
    except ClientError as error:
        if code_of(error) == "ValidationError":
            raise _rejected(access, request, message_of(error), left=False) from error
        if code_of(error) != "AlreadyExistsException":
            raise


def _on_failure(request: ChangeSetRequest) -> dict[str, Any]:
    """CloudFormation takes DELETE for a first create only.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
    """
    return (
        {"OnStackFailure": "DELETE"} if request.creates_stack and request.deleted_on_failure else {}
    )


def _executed(access: Access, name: str, token: str) -> bool:
    """Tell whether the newest operation on the stack is the one that the token started.

    Another run may have started it a moment ago: its first event is waited for.
    """
    for _ in range(_LOOKS):
        stack = describe(access, name)
        if stack is None:
            return False
        if EventStream(access, stack.stack_id).newest_token() == token:
            return True
        pause(_LOOK_SECONDS)
    return False


def _finished_plan(access: Access, request: ChangeSetRequest) -> Plan:
    """Wait until CloudFormation has computed the change set."""
    delay = FIRST_POLL_SECONDS
    while True:
        answer, changes = _describe_change_set(access, request)
        if answer["Status"] not in _AT_WORK:
            break
        pause(delay)
        delay = longer(delay)
    if answer.get("Description") != request.contents:
        raise _unusable(access, request, "it was made from something else")
    reason = str(answer.get("StatusReason", ""))
    if answer["Status"] == "FAILED":
        if not any(text in reason for text in _NO_CHANGES):
            raise _rejected(access, request, reason, left=request.creates_stack)
    elif (answer["Status"], answer["ExecutionStatus"]) != _EXECUTABLE:
        # The stack has outrun it, or another run executes or discards it.
        why = f"it is {answer['Status']} and {answer['ExecutionStatus']}"
        raise _unusable(access, request, f"{why}: {reason}" if reason else why)
    return Plan(
        stack=request.stack,
        stack_id=answer["StackId"],
        change_set_id=answer["ChangeSetId"],
        template_sha256=request.template_sha256,
        parameters=request.parameters,
        changes=changes,
        executable=answer["Status"] != "FAILED",
    )


def _describe_change_set(
    access: Access, request: ChangeSetRequest
) -> tuple[Mapping[str, Any], tuple[Change, ...]]:
    """Return the last page of the answer, and the changes of all."""
    pages = client("cloudformation", access).get_paginator("describe_change_set")
    found = list(pages.paginate(StackName=request.stack, ChangeSetName=request.name))
    changes = (change for page in found for change in page.get("Changes", ()))
    return found[-1], tuple(change_of(change["ResourceChange"]) for change in changes)


@world_task("discard plan", "discard plan of {plan.stack}")
def discard_plan(access: Access, plan: Plan) -> None:
    """Delete a change set that is not executed, unless CloudFormation did so already."""
    with translated("delete a change set", where_is(access, plan.stack)):
        try:
            client("cloudformation", access).delete_change_set(
                StackName=plan.stack, ChangeSetName=plan.change_set_id
            )
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise


@world_task("execute plan", "execute plan of {plan.stack}")
def execute_plan(access: Access, plan: Plan, token: str) -> None:
    """Start the changes, once: if another run of the same release has, that is enough."""
    with translated("execute a change set", where_is(access, plan.stack)):
        try:
            client("cloudformation", access).execute_change_set(
                StackName=plan.stack, ChangeSetName=plan.change_set_id, ClientRequestToken=token
            )
        except ClientError as error:
            if code_of(error) not in _EXECUTED_ALREADY:
                raise
            if not _executed(access, plan.stack, token):
                raise


def _unusable(access: Access, request: ChangeSetRequest, why: str) -> DeployFailedError:
    return DeployFailedError(
        "plan.not_adopted",
        f"change set {request.name} cannot be adopted",
        where=where_is(access, request.stack),
        why=why,
        state="no resource was changed",
        remedy="release again, under a new number",
    )


def _rejected(
    access: Access, request: ChangeSetRequest, reason: str, *, left: bool
) -> DeployFailedError:
    return DeployFailedError(
        "plan.template_refused",
        f"CloudFormation refuses the template of stack {request.stack}",
        where=where_is(access, request.stack),
        why=reason,
        state="no resource was changed" + ("; an empty stack is left in review" if left else ""),
        remedy="correct the template or its parameters and release again",
    )
