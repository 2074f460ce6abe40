"""CloudFormation change sets: a plan is computed, looked at, executed or discarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from botocore.exceptions import ClientError

from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.errors import DeployFailedError, TiercelError
from tiercel.domain.organization.access import Access
from tiercel.domain.stack.events import STACK_TYPE
from tiercel.domain.stack.failures import template_refused
from tiercel.domain.stack.nested import NESTED_FAILED, only_looking_fails
from tiercel.domain.stack.plan import Plan
from tiercel.domain.stack.tokens import outside_name
from tiercel.domain.stack.validations import Validation
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import code_of, message_of, translated
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import run_logger, world_task
from tiercel.tasks.stack.change_set_contents import ChangeSetContents, read_change_set
from tiercel.tasks.stack.events import EventStream
from tiercel.tasks.stack.stacks import describe, where_is

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
_EXECUTABLE = ("CREATE_COMPLETE", "AVAILABLE")
_REVERT_DRIFT: Final = "REVERT_DRIFT"
_TOLD_ELSEWHERE = ("DescribeEvents", "hook(s)/validation failed")


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
    nested: bool = True
    """Whether nested stacks are planned too."""
    previous: tuple[str, ...] = ()
    """Parameters that keep the value which the stack has; they are in `parameters` as well."""
    express: bool = False
    """Whether the change is complete as soon as it is applied, before resources are ready."""
    revert_drift: bool = False
    """Whether what was changed past CloudFormation is brought back."""

    @property
    def contents(self) -> str:
        """Kept as the change set's description, to tell it from another of the same name."""
        made_from = [self.template_sha256, self.parameters]
        return digest_of([*made_from, _REVERT_DRIFT] if self.revert_drift else made_from)


@world_task("plan changes", "plan {request.stack}")
def plan_changes(access: Access, request: ChangeSetRequest) -> Plan | None:
    """Create a change set and return it as a plan; an earlier one of that name is adopted.

    None if it is gone: another run of the same release has executed it already, or another one
    was executed, which deletes all others of the stack. Raises DeployFailedError with
    CloudFormation's reason if it refuses the template, and for an earlier change set that has
    other contents or that the stack has outrun.
    """
    with translated("create a change set", where_is(access, request.stack)):
        try:
            _create_change_set(access, request)
            return _finished_plan(access, request)
        except (ClientError, DeployFailedError) as error:
            is_gone = isinstance(error, ClientError) and code_of(error) in _GONE
            if is_gone or _executed(access, request.stack, request.name):
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
                {"ParameterKey": key, "UsePreviousValue": True}
                if key in request.previous
                else {"ParameterKey": key, "ParameterValue": value}
                for key, value in request.parameters.items()
            ],
            Capabilities=_CAPABILITIES,
            RoleARN=request.service_role,
            Tags=[{"Key": key, "Value": value} for key, value in request.tags.items()],
            Description=request.contents,
            ClientToken=request.name,
            IncludeNestedStacks=request.nested,
            **_on_failure(request),
            **_mode(request),
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


def _mode(request: ChangeSetRequest) -> dict[str, Any]:
    """Ask for the express mode, in which CloudFormation rolls back only where that is said.

    A drift-aware change set compares with what there is, and not with the template before:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentConfig.html
    """
    express = {"Mode": "EXPRESS", "DisableRollback": False}
    return ({"DeploymentConfig": express} if request.express else {}) | (
        {"DeploymentMode": _REVERT_DRIFT} if request.revert_drift else {}
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
    """Return the plan once CloudFormation has computed it.

    Where a nested stack can only be planned when its parent is carried out, nested stacks are
    not looked into.
    """
    contents = read_change_set(access, request.stack, request.name)
    unseen = _unseen(contents)
    if unseen:
        run_logger().warning("nested stacks are not looked into: %s", unseen)
        discard_change_set(access, request.stack, contents.description["ChangeSetId"])
        request = replace(request, name=outside_name(request.name), nested=False)
        _create_change_set(access, request)
        contents = read_change_set(access, request.stack, request.name)
    _require_usable(access, request, contents)
    if contents.unread:
        run_logger().warning("what CloudFormation validated is not known: DescribeEvents refuses")
    return Plan(
        stack=request.stack,
        stack_id=contents.description["StackId"],
        change_set_id=contents.description["ChangeSetId"],
        template_sha256=request.template_sha256,
        parameters=request.parameters,
        changes=tuple(contents.changes),
        executable=contents.description["Status"] != "FAILED",
        warnings=tuple(one for one in contents.validations if one.warns),
        unseen=unseen,
        overwrites=tuple(contents.overwrites),
        not_reverted=_not_reverted(request, contents),
    )


def _not_reverted(request: ChangeSetRequest, contents: ChangeSetContents) -> str:
    """Return why a change set is not drift-aware although that was asked for, else nothing."""
    mode = contents.description.get("DeploymentMode")
    if not request.revert_drift or mode == _REVERT_DRIFT:
        return ""
    why = (
        "CloudFormation made an ordinary change set although a drift-aware one was asked for: what "
        "was changed past it is neither shown nor brought back"
    )
    run_logger().warning("%s: %s", request.stack, why)
    return why


def _unseen(contents: ChangeSetContents) -> str:
    """Return why nested stacks cannot be looked into, though nothing else is wrong."""
    failed = any(not one.warns for one in contents.validations)
    reasons = list(contents.failures.items()) or [("", contents.reason)]
    reasons = [(path, one) for path, one in reasons if not one.startswith(NESTED_FAILED)]
    nests = any(one.resource_type == STACK_TYPE for one in contents.changes)
    if not contents.failed or failed or not reasons or not (contents.failures or nests):
        return ""
    if not all(only_looking_fails(reason) for _, reason in reasons):
        return ""
    return "; ".join(f"{path}: {reason}" if path else reason for path, reason in reasons)


def _require_usable(access: Access, request: ChangeSetRequest, contents: ChangeSetContents) -> None:
    """Raise DeployFailedError unless the change set is the request's, and can be executed."""
    description, reason = contents.description, contents.reason
    if description.get("Description") != request.contents:
        raise _unusable(access, request, "it was made from something else")
    if contents.failed:
        raise _refused(access, request, contents)
    status = (description["Status"], description["ExecutionStatus"])
    if description["Status"] != "FAILED" and status != _EXECUTABLE:
        # The stack has outrun it, or another run executes or discards it.
        why = "it is {} and {}".format(*status)
        raise _unusable(access, request, f"{why}: {reason}" if reason else why)


@world_task("discard plan", "discard plan of {plan.stack}")
def discard_plan(access: Access, plan: Plan) -> None:
    """Delete a change set that is not executed, unless CloudFormation did so already."""
    with translated("delete a change set", where_is(access, plan.stack)):
        discard_change_set(access, plan.stack, plan.change_set_id)


@world_task("discard refused plan", "discard refused plan of {request.stack}")
def discard_refused(access: Access, request: ChangeSetRequest) -> None:
    """Delete what is left of a change set that was made to be shown, and that failed.

    What keeps it from being deleted is only told: why it failed matters more.
    """
    try:
        with translated("delete a change set", where_is(access, request.stack)):
            for name in (request.name, outside_name(request.name)):
                discard_change_set(access, request.stack, name)
    except TiercelError as error:
        run_logger().warning("change set %s stays: %s", request.name, error.what)


def discard_change_set(access: Access, stack: str, change_set_id: str) -> None:
    """Delete a change set, and with it those of nested stacks, if it is there."""
    try:
        client("cloudformation", access).delete_change_set(
            StackName=stack, ChangeSetName=change_set_id
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


def _refused(
    access: Access, request: ChangeSetRequest, contents: ChangeSetContents
) -> DeployFailedError:
    """Return the error of a change set that failed, by what validation found, else its reason."""
    own = contents.reason
    reasons = [f"{path}: {reason}" for path, reason in contents.failures.items()]
    innermost = [one for one in reasons if f": {NESTED_FAILED}" not in one] or [own]
    why = "\n".join(innermost)
    if contents.unread and any(text in why for text in _TOLD_ELSEWHERE):
        told = " && ".join(
            f"aws cloudformation describe-events --region {access.region} --change-set-name {one}"
            for one in contents.unread
        )
        why += (
            "\nTiercel may not read what was found: the deployer needs "
            f"cloudformation:DescribeEvents; `{told}` shows it"
        )
    return _rejected(access, request, why, contents.validations, left=request.creates_stack)


def _rejected(
    access: Access,
    request: ChangeSetRequest,
    reason: str,
    validations: Sequence[Validation] = (),
    *,
    left: bool,
) -> DeployFailedError:
    state = "no resource was changed" + ("; an empty stack is left in review" if left else "")
    where = where_is(access, request.stack)
    return template_refused(request.stack, where, reason, state, validations)
