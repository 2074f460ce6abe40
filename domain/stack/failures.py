"""What a failed stack operation means, in words."""

from __future__ import annotations

from dataclasses import dataclass

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.stack.states import StackStatus


@dataclass(frozen=True)
class Cause:
    """A resource that failed, and CloudFormation's own reason."""

    logical_id: str
    resource_type: str
    status: str
    reason: str


_STATE = {
    StackStatus.ROLLBACK_COMPLETE: "all that was created is removed again; an empty stack is left",
    StackStatus.ROLLBACK_FAILED: "the stack could not be removed again; some resources are left",
    StackStatus.CREATE_FAILED: "the stack is half created",
    StackStatus.UPDATE_ROLLBACK_COMPLETE: "the stack runs the previous version again",
    StackStatus.UPDATE_ROLLBACK_FAILED: "the stack is between two versions",
    StackStatus.UPDATE_FAILED: "the stack is between two versions",
    StackStatus.DELETE_FAILED: "the stack is half deleted",
    StackStatus.DELETE_COMPLETE: "the stack and all that was created are removed again",
}
_NEXT = {
    StackStatus.ROLLBACK_COMPLETE: "the next release deletes the empty stack first",
    StackStatus.ROLLBACK_FAILED: "the next release deletes what is left first",
    StackStatus.UPDATE_ROLLBACK_FAILED: "the next release continues the rollback first",
    StackStatus.DELETE_FAILED: "the next release deletes the rest first",
}


def vanished(where: str) -> DeployFailedError:
    """Return the error of a stack that was there a moment ago."""
    return DeployFailedError("stack.vanished", "the stack has vanished", where=where)


def deploy_failure(
    stack: str,
    where: str,
    status: StackStatus,
    reason: str,
    causes: list[Cause],
    by_hand: str = "",
) -> DeployFailedError:
    """Return the error for a stack operation that ended in a status that is no success.

    `by_hand` is what an administrator does about the stack before the next release, where that
    does nothing about it itself.
    """
    lines = [
        f"{cause.logical_id} ({cause.resource_type}) {cause.status}: {cause.reason or 'no reason'}"
        for cause in causes
    ]
    then = _NEXT.get(status, "then release again")
    if by_hand:
        then = f"{by_hand}; then release again"
    return DeployFailedError(
        "stack.failed",
        f"stack {stack} ended as {status}",
        where=where,
        why="\n".join(lines) or reason or "CloudFormation gives no reason",
        state=_STATE.get(status, f"the stack is {status}"),
        remedy=f"correct the resource in the template; {then}",
    )
