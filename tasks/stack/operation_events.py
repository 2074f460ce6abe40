"""What DescribeEvents tells of an operation or a change set, where AWS has it and allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tiercel.domain.organization.access import Access
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import EXPIRED_CODES, code_of, is_transient

_MOST_PAGES = 10


def events_of_operation(
    access: Access, stack_id: str, operation: str
) -> list[Mapping[str, Any]] | None:
    """Return the failed events of an operation on a stack; None if AWS does not tell them."""
    which = {"StackName": stack_id, "OperationId": operation}
    return _events(access, **which, Filters={"FailedEvents": True})


def events_of_change_set(access: Access, change_set_id: str) -> list[Mapping[str, Any]] | None:
    """Return what CloudFormation found when it made a change set; None as above.

    A name alone is not taken, the ARN is: https://github.com/aws-cloudformation/cloudformation-cli/issues/1116
    """
    return _events(access, ChangeSetName=change_set_id)


def _events(access: Access, **which: Any) -> list[Mapping[str, Any]] | None:
    found: list[Mapping[str, Any]] = []
    try:
        pages = client("cloudformation", access).get_paginator("describe_events")
        for number, page in enumerate(pages.paginate(**which), 1):
            found += page.get("OperationEvents", ())
            if number == _MOST_PAGES:
                break
    except ClientError as error:
        if is_transient(error) or code_of(error) in EXPIRED_CODES:
            raise
        # The deployer may not ask, or the partition does not know the call: neither may hide
        # what was asked about, or keep a plan from being carried out.
        return None
    return found
