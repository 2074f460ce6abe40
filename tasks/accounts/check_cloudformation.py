"""CloudFormation for a check: a change set that is never executed, and the quota of stacks."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from tiercel.domain.accounts.by_hand import StackByHand
from tiercel.domain.accounts.observations import Quota, Unread
from tiercel.domain.base.errors import DeployFailedError, RefusedInputError, TiercelError
from tiercel.domain.organization.access import Access
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.tokens import client_token
from tiercel.tasks.accounts.reading import seen
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.stack.stacks import FIRST_POLL_SECONDS, describe, longer, where_is

if TYPE_CHECKING:
    from types_boto3_cloudformation.literals import StackStatusType

# It makes nothing and needs no permission: https://docs.aws.amazon.com/AWSCloudFormation/
# latest/TemplateReference/aws-resource-cloudformation-waitconditionhandle.html
_TEMPLATE = json.dumps(
    {"Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
)
_LOOKS = 20
_HOLDS_NOTHING = (
    StackStatus.REVIEW_IN_PROGRESS,
    StackStatus.DELETE_IN_PROGRESS,
    StackStatus.DELETE_COMPLETE,
)
_COUNTED = cast("list[StackStatusType]", sorted(set(StackStatus) - {StackStatus.DELETE_COMPLETE}))


@world_task("try change set", "try change set of {stack}")
def try_change_set(access: Access, stack: str, service_role: str, run: str) -> None:
    """Plan a stack that nobody makes, with the service role, and remove what that leaves.

    A change set for a new stack leaves the stack in REVIEW_IN_PROGRESS, without resources;
    one that an earlier check left is taken. Raises RefusedInputError if there is a stack of
    this name in any other state, and DeployFailedError with CloudFormation's reason.
    """
    name = client_token("check", run)
    _is_ours(access, stack)
    with translated("plan a change set", where_is(access, stack)):
        client("cloudformation", access).create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="CREATE",
            TemplateBody=_TEMPLATE,
            RoleARN=service_role,
            ClientToken=name,
        )
        try:
            _await_plan(access, stack, name)
        except BaseException:
            # What failed first is what a person has to know; the next check cleans up.
            with suppress(ClientError, TiercelError):
                _remove(access, stack, name)
            raise
        _remove(access, stack, name)


def _is_ours(access: Access, stack: str) -> None:
    found = describe(access, stack)
    if found and found.status not in (StackStatus.REVIEW_IN_PROGRESS, StackStatus.DELETE_COMPLETE):
        raise RefusedInputError(
            "check.stack_exists",
            "there is a stack of the name that the check uses",
            where=where_is(access, stack),
            why=f"it is {found.status}",
            state="it was left alone",
            remedy="find out who made it, and delete it",
        )


def _await_plan(access: Access, stack: str, name: str) -> None:
    delay, said = FIRST_POLL_SECONDS, ""
    for _ in range(_LOOKS):
        answer = client("cloudformation", access).describe_change_set(
            StackName=stack, ChangeSetName=name
        )
        if answer["Status"] == "CREATE_COMPLETE":
            return
        said = f"{answer['Status']}: {answer.get('StatusReason', 'no reason')}"
        if answer["Status"] == "FAILED":
            break
        pause(delay)
        delay = longer(delay)
    raise DeployFailedError(
        "check.no_change_set",
        "CloudFormation does not plan a change set",
        where=where_is(access, stack),
        why=said,
    )


def _remove(access: Access, stack: str, name: str) -> None:
    """Delete the change set, and the stack only while it is in review: nothing is in it."""
    cloudformation = client("cloudformation", access)
    cloudformation.delete_change_set(StackName=stack, ChangeSetName=name)
    found = describe(access, stack)
    if found and found.status is StackStatus.REVIEW_IN_PROGRESS:
        cloudformation.delete_stack(StackName=found.stack_id)


@world_task("find unprotected stacks", "find unprotected stacks of {prefix}")
def find_unprotected_stacks(access: Access, prefix: str) -> tuple[StackByHand, ...]:
    """Return the stacks with the prefix that anybody with the permission may delete at once.

    Left out are nested stacks, which their parent protects, those that hold nothing yet and
    those that are being deleted.
    """
    where = f"account {access.account}, region {access.region}"
    with translated("look at the stacks", where):
        pages = client("cloudformation", access).get_paginator("describe_stacks").paginate()
        return tuple(
            StackByHand(stack["StackId"], access.account, access.region, protected=False)
            for page in pages
            for stack in page["Stacks"]
            if stack["StackName"].startswith(prefix)
            and not stack.get("ParentId")
            and not stack.get("EnableTerminationProtection")
            and stack["StackStatus"] not in _HOLDS_NOTHING
        )


@world_task("read quota of stacks")
def read_stack_quota(access: Access) -> tuple[Quota, ...] | Unread:
    """Return how many stacks the account has in the region, and how many it may have."""
    where = f"account {access.account}, region {access.region}"
    return seen("read CloudFormation's quotas", where, lambda: _quota(access)) or ()


def _quota(access: Access) -> tuple[Quota, ...]:
    cloudformation = client("cloudformation", access)
    limits = cloudformation.describe_account_limits()["AccountLimits"]
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=_COUNTED)
    used = sum(len(page["StackSummaries"]) for page in pages)
    return tuple(
        Quota("stacks", used, limit["Value"]) for limit in limits if limit["Name"] == "StackLimit"
    )
