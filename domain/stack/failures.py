"""What a failed stack operation means, in words."""

from __future__ import annotations

from collections.abc import Sequence

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.stack.causes import SANDBOX_CANNOT, Cause
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.validations import NAME_CONFLICT, Validation

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
_MEND = {
    StackStatus.DELETE_FAILED: "remove from the resource what keeps it from being deleted",
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


def plan_outrun(where: str) -> DeployFailedError:
    """Return the error of a plan that is only to be shown, and that a change has deleted."""
    return DeployFailedError(
        "plan.outrun",
        "the stack was changed while its plan was made",
        where=where,
        why="whoever executes a change set deletes all others of the stack",
        state="this run changed nothing",
        remedy="run it again once that has ended",
    )


def deploy_failure(
    stack: str,
    where: str,
    status: StackStatus,
    reason: str,
    causes: Sequence[Cause],
    by_hand: str = "",
) -> DeployFailedError:
    """Return the error for a stack operation that ended in a status that is no success.

    `by_hand` is what an administrator does about the stack before the next release, where that
    does nothing about it itself. What only the sandbox cannot do has a code of its own: nothing
    in the template is to be corrected for it.
    """
    then = _NEXT.get(status, "then release again")
    if by_hand:
        then = f"{by_hand}; then release again"
    state = _STATE.get(status, f"the stack is {status}")
    why = "\n".join(line for cause in causes for line in cause.lines())
    why = why or reason or "CloudFormation gives no reason"
    if SANDBOX_CANNOT in reason or (causes and all(c.is_the_sandboxs for c in causes)):
        return sandbox_cannot(stack, where, why, state)
    return DeployFailedError(
        "stack.failed",
        f"stack {stack} ended as {status}",
        where=where,
        why=why,
        state=state,
        remedy=f"{_MEND.get(status, 'correct the resource in the template')}; {then}",
    )


def sandbox_cannot(stack: str, where: str, why: str, state: str) -> DeployFailedError:
    """Return the error of something that fails in the sandbox, and says nothing about AWS."""
    return DeployFailedError(
        "stack.sandbox_cannot",
        f"the sandbox cannot do what stack {stack} needs",
        where=where,
        why=why,
        state=state,
        remedy="the template need not be wrong: leave the resource out where you try things in "
        "the sandbox, or release to an environment of AWS",
    )


def template_refused(
    stack: str, where: str, reason: str, state: str, validations: Sequence[Validation] = ()
) -> DeployFailedError:
    """Return the error of a template that CloudFormation refuses to plan, by what it found."""
    failed = [one for one in validations if not one.warns]
    warned = [one for one in validations if one.warns]
    why = [one.line() for one in failed] or [reason or "CloudFormation gives no reason"]
    why += [f"warning: {one.line()}" for one in warned]
    if not failed and SANDBOX_CANNOT in reason:
        return sandbox_cannot(stack, where, "\n".join(why), state)
    told = "\n".join(why)
    if any(one.name == NAME_CONFLICT for one in failed):
        return DeployFailedError(
            "plan.name_taken",
            f"stack {stack} names a resource as one is named already",
            where=where,
            why=told,
            state=state,
            remedy="give the resource a name that nothing in the account has, or none at all, so "
            "that CloudFormation makes one; or remove what has the name; then release again",
        )
    return DeployFailedError(
        "plan.template_refused",
        f"CloudFormation refuses the template of stack {stack}",
        where=where,
        why=told,
        state=state,
        remedy="correct the template or its parameters and release again",
    )
