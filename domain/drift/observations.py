"""What CloudFormation says of a stack's drift. Values of properties are left out: some are secret.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tiercel.domain.base.text import printable
from tiercel.domain.base.values import Frozen
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.validations import path_of

MOST_PROPERTIES = 20
"""Of one resource; more say nothing that these do not."""
LONGEST_REASON = 500
_LONGEST_PATH = 200

_DETECTABLE = frozenset(
    {
        StackStatus.CREATE_COMPLETE,
        StackStatus.UPDATE_COMPLETE,
        StackStatus.UPDATE_ROLLBACK_COMPLETE,
        StackStatus.UPDATE_ROLLBACK_FAILED,
    }
)


class ResourceState(StrEnum):
    """What CloudFormation says of a resource that is not as its template wants it."""

    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"


class ResourceDrift(Frozen):
    """A resource that differs from its template: by its path from the stack, and where it differs.

    `properties` are paths such as `/VisibilityTimeout`, at most `MOST_PROPERTIES`. `reason` is
    CloudFormation's own, where it could not look.
    """

    path: str
    resource_type: str
    state: ResourceState
    properties: tuple[str, ...] = ()
    reason: str = ""


class StackDrift(Frozen):
    """What was found of one stack and those nested in it.

    `unseen` says why one of them could not be looked at, and is empty where all were. `at_work` is
    the token of the operation that was under way, and is empty where none was.
    """

    stack: str
    stack_id: str = ""
    resources: tuple[ResourceDrift, ...] = ()
    unseen: str = ""
    at_work: str = ""


def is_detectable(status: StackStatus) -> bool:
    """Tell whether CloudFormation looks for drift of a stack in this status at all."""
    return status in _DETECTABLE


def resource_drift_of(answer: Mapping[str, Any], nested_in: str = "") -> ResourceDrift:
    """Translate one `StackResourceDrift` of DescribeStackResourceDrifts."""
    paths = {
        printable(one["PropertyPath"], _LONGEST_PATH)
        for one in answer.get("PropertyDifferences", ())
    }
    return ResourceDrift(
        path=path_of(nested_in, answer["LogicalResourceId"]),
        resource_type=answer["ResourceType"],
        state=ResourceState(answer["StackResourceDriftStatus"]),
        properties=tuple(sorted(paths)[:MOST_PROPERTIES]),
        reason=printable(answer.get("DriftStatusReason", ""), LONGEST_REASON),
    )
