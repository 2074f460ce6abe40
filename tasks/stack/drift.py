"""Drift detection: CloudFormation compares what there is with what a stack's template says."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from tiercel.domain.base.errors import TransientError
from tiercel.domain.drift.observations import (
    ResourceDrift,
    StackDrift,
    is_detectable,
    resource_drift_of,
)
from tiercel.domain.organization.access import Access
from tiercel.domain.stack.events import STACK_TYPE
from tiercel.domain.stack.states import is_terminal
from tiercel.domain.stack.validations import path_of
from tiercel.tasks.aws.clients import client
from tiercel.tasks.aws.errors import translated
from tiercel.tasks.engine.pace import pause
from tiercel.tasks.engine.task import world_task
from tiercel.tasks.stack.stacks import FIRST_POLL_SECONDS, describe, longer, where_is

_MOST_STACKS = 50
_PATIENCE_SECONDS = 900.0
_AT_WORK, _FAILED = "DETECTION_IN_PROGRESS", "DETECTION_FAILED"


@world_task("detect drift", "detect drift of stack {name}")
def detect_stack_drift(access: Access, name: str) -> StackDrift | None:
    """Return what differs of a stack and of those nested in it; None if there is no such stack.

    CloudFormation reads every resource with the caller's permissions, and looks into no nested
    stack by itself. Resources of types that it cannot compare are passed over:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html
    """
    found: list[ResourceDrift] = []
    unseen: list[str] = []
    root = describe(access, name)
    if root is None:
        return None
    waiting = deque([("", root.stack_id)])
    for _ in range(_MOST_STACKS):
        if not waiting:
            break
        path, stack_id = waiting.popleft()
        differing, why = _detect(access, name, path, stack_id)
        found += differing
        unseen += [f"{path}: {why}" if path else why] if why else []
        waiting += _nested(access, name, path, stack_id)
    unseen += [f"only {_MOST_STACKS} nested stacks are looked at"] if waiting else []
    return StackDrift(
        stack=name,
        stack_id=root.stack_id,
        resources=tuple(found),
        unseen="; ".join(unseen),
        at_work="" if is_terminal(root.status) else root.token,
    )


def _detect(access: Access, name: str, path: str, stack_id: str) -> tuple[list[ResourceDrift], str]:
    """Return what differs of one stack, and why not all of it could be looked at."""
    stack = describe(access, stack_id)
    if stack is None:
        return [], "it is gone"
    if not is_detectable(stack.status):
        return [], f"CloudFormation does not look for drift while it is {stack.status}"
    with translated("detect drift", where_is(access, name)):
        formation = client("cloudformation", access)
        began = formation.detect_stack_drift(StackName=stack_id)
        status = _finished(access, name, began["StackDriftDetectionId"])
        found = [resource_drift_of(one, path) for one in _differing(access, stack_id)]
    failed = status["DetectionStatus"] == _FAILED
    told = any(one.reason for one in found)
    reason = str(status.get("DetectionStatusReason") or _FAILED)
    return found, reason if failed and not told else ""


def _finished(access: Access, name: str, detection: str) -> Mapping[str, Any]:
    """Wait until a detection has ended; a big stack takes minutes."""
    delay, deadline = FIRST_POLL_SECONDS, time.monotonic() + _PATIENCE_SECONDS
    while True:
        status = client("cloudformation", access).describe_stack_drift_detection_status(
            StackDriftDetectionId=detection
        )
        if status["DetectionStatus"] != _AT_WORK:
            return status
        if time.monotonic() > deadline:
            raise TransientError(
                "drift.detection_unending",
                "CloudFormation does not finish looking for drift",
                where=where_is(access, name),
                why=f"detection {detection} is at work for {_PATIENCE_SECONDS / 60:.0f} minutes",
                state="nothing was changed",
                remedy="look again later",
            )
        pause(delay)
        delay = longer(delay)


def _differing(access: Access, stack_id: str) -> Iterator[Mapping[str, Any]]:
    """Yield the resources that differ; boto3 has no paginator for them."""
    page: dict[str, str] = {}
    while True:
        answer = client("cloudformation", access).describe_stack_resource_drifts(
            StackName=stack_id,
            StackResourceDriftStatusFilters=["MODIFIED", "DELETED", "UNKNOWN"],
            **page,  # type: ignore[arg-type]
        )
        yield from answer["StackResourceDrifts"]
        if not answer.get("NextToken"):
            return
        page = {"NextToken": answer["NextToken"]}


def _nested(access: Access, name: str, path: str, stack_id: str) -> list[tuple[str, str]]:
    """Return the path and the id of each stack that is nested in one."""
    with translated("list a stack's resources", where_is(access, name)):
        pages = client("cloudformation", access).get_paginator("list_stack_resources")
        return [
            (path_of(path, one["LogicalResourceId"]), one["PhysicalResourceId"])
            for page in pages.paginate(StackName=stack_id)
            for one in page["StackResourceSummaries"]
            if one["ResourceType"] == STACK_TYPE and ":stack/" in one.get("PhysicalResourceId", "")
        ]
