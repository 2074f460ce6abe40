"""The resources of a stack, down to those of its nested stacks."""

from __future__ import annotations

from collections import deque

from tiercel.domain.organization.access import Access
from tiercel.domain.stack.events import STACK_TYPE
from tiercel.domain.teardown.stack_deletion import StackResource
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.stack.stacks import where_is

_MOST_STACKS = 50


@world_task("list resources", "list resources of stack {name}")
def list_resources(access: Access, stack_id: str, name: str) -> list[StackResource]:
    """Return every resource of a stack and of those nested in it, a nested stack before its own.

    Raises UnreachableError for a stack that was deleted meanwhile.
    """
    found: list[StackResource] = []
    waiting = deque([("", stack_id)])
    for _ in range(_MOST_STACKS):
        if not waiting:
            break
        path, stack = waiting.popleft()
        with translated("list a stack's resources", where_is(access, name)):
            mine = _resources(access, stack, path)
        found += mine
        waiting += [
            (one.path, one.physical_id)
            for one in mine
            if one.resource_type == STACK_TYPE and ":stack/" in one.physical_id
            and one.status != "DELETE_COMPLETE"
        ]  # fmt: skip
    return found


def _resources(access: Access, stack_id: str, path: str) -> list[StackResource]:
    pages = client("cloudformation", access).get_paginator("list_stack_resources")
    return [
        StackResource(
            logical_id=one["LogicalResourceId"],
            physical_id=one.get("PhysicalResourceId", ""),
            resource_type=one["ResourceType"],
            status=one["ResourceStatus"],
            reason=one.get("ResourceStatusReason", ""),
            nested_in=path,
        )
        for page in pages.paginate(StackName=stack_id)
        for one in page["StackResourceSummaries"]
    ]
