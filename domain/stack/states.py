"""What to do about a CloudFormation stack, from the status it is found in.

Statuses: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StackStatus(StrEnum):
    """Every status that CloudFormation gives a stack."""

    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_FAILED = "CREATE_FAILED"
    CREATE_COMPLETE = "CREATE_COMPLETE"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"
    ROLLBACK_COMPLETE = "ROLLBACK_COMPLETE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_FAILED = "DELETE_FAILED"
    DELETE_COMPLETE = "DELETE_COMPLETE"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_COMPLETE_CLEANUP_IN_PROGRESS = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    UPDATE_COMPLETE = "UPDATE_COMPLETE"
    UPDATE_FAILED = "UPDATE_FAILED"
    UPDATE_ROLLBACK_IN_PROGRESS = "UPDATE_ROLLBACK_IN_PROGRESS"
    UPDATE_ROLLBACK_FAILED = "UPDATE_ROLLBACK_FAILED"
    UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
    UPDATE_ROLLBACK_COMPLETE = "UPDATE_ROLLBACK_COMPLETE"
    REVIEW_IN_PROGRESS = "REVIEW_IN_PROGRESS"
    IMPORT_IN_PROGRESS = "IMPORT_IN_PROGRESS"
    IMPORT_COMPLETE = "IMPORT_COMPLETE"
    IMPORT_ROLLBACK_IN_PROGRESS = "IMPORT_ROLLBACK_IN_PROGRESS"
    IMPORT_ROLLBACK_FAILED = "IMPORT_ROLLBACK_FAILED"
    IMPORT_ROLLBACK_COMPLETE = "IMPORT_ROLLBACK_COMPLETE"


class StackGoal(StrEnum):
    """What the caller wants of the stack; to roll back is to deploy an earlier release."""

    DEPLOY = "deploy"
    DELETE = "delete"


class Step(StrEnum):
    """The next step; after every one but create, update and nothing, observe again."""

    CREATE = "create"  # a change set of type CREATE
    UPDATE = "update"  # a change set of type UPDATE
    WAIT = "wait"  # until is_terminal
    DELETE = "delete"
    DELETE_FIRST = "delete_first"  # by stack id, then create
    ROLL_BACK_STACK = "roll_back_stack"  # RollbackStack
    CONTINUE_ROLLBACK = "continue_rollback"  # ContinueUpdateRollback, skipping no resource
    NOTHING = "nothing"
    REFUSE = "refuse"


class ByHand(StrEnum):
    """What Tiercel leaves to an administrator of the account."""

    DELETE = "delete"
    UNPROTECT = "unprotect"  # from termination


@dataclass(frozen=True)
class StackAction:
    """The next step and why; a refusal has a remedy.

    `by_hand` is what an administrator has to do before there is another step.
    """

    step: Step
    reason: str
    remedy: str = ""
    by_hand: ByHand | None = None


# fmt: off
_NEXT_STEP: dict[StackStatus | None, tuple[Step, Step, str]] = {
    # status found                         to deploy or roll back, to delete, because
    None:
        (Step.CREATE,            Step.NOTHING, "there is no stack"),
    StackStatus.REVIEW_IN_PROGRESS:
        (Step.CREATE,            Step.DELETE,  "only a change set was made, and no resource yet"),
    StackStatus.CREATE_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "the stack is being created"),
    StackStatus.CREATE_FAILED:
        (Step.ROLL_BACK_STACK,   Step.DELETE,  "the first create failed with rollback disabled"),
    StackStatus.CREATE_COMPLETE:
        (Step.UPDATE,            Step.DELETE,  "the stack is up"),
    StackStatus.ROLLBACK_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "the first create is being rolled back"),
    StackStatus.ROLLBACK_FAILED:
        (Step.DELETE_FIRST,      Step.DELETE,  "the first create failed, and so did its rollback"),
    StackStatus.ROLLBACK_COMPLETE:
        (Step.DELETE_FIRST,      Step.DELETE,  "the first create failed; nothing can update it"),
    StackStatus.DELETE_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "the stack is being deleted"),
    StackStatus.DELETE_FAILED:
        (Step.DELETE_FIRST,      Step.DELETE,  "a deletion stopped half-way"),
    StackStatus.DELETE_COMPLETE:
        (Step.CREATE,            Step.NOTHING, "the stack was deleted"),
    StackStatus.UPDATE_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "the stack is being updated"),
    StackStatus.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "the update is removing what it replaced"),
    StackStatus.UPDATE_COMPLETE:
        (Step.UPDATE,            Step.DELETE,  "the stack is up"),
    StackStatus.UPDATE_FAILED:
        (Step.ROLL_BACK_STACK,   Step.DELETE,  "an update failed with rollback disabled"),
    StackStatus.UPDATE_ROLLBACK_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "an update is being rolled back"),
    StackStatus.UPDATE_ROLLBACK_FAILED:
        (Step.CONTINUE_ROLLBACK, Step.DELETE,  "the rollback of an update failed"),
    StackStatus.UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "the rollback is removing what the update made"),
    StackStatus.UPDATE_ROLLBACK_COMPLETE:
        (Step.UPDATE,            Step.DELETE,  "the stack is up, as before a failed update"),
    StackStatus.IMPORT_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "resources are being imported"),
    StackStatus.IMPORT_COMPLETE:
        (Step.UPDATE,            Step.DELETE,  "the stack is up"),
    StackStatus.IMPORT_ROLLBACK_IN_PROGRESS:
        (Step.WAIT,              Step.WAIT,    "an import is being rolled back"),
    StackStatus.IMPORT_ROLLBACK_FAILED:
        (Step.REFUSE,            Step.DELETE,  "the rollback of an import failed"),
    StackStatus.IMPORT_ROLLBACK_COMPLETE:
        (Step.UPDATE,            Step.DELETE,  "the stack is up, as before a failed import"),
}
# fmt: on

_SUCCESSES = {
    StackGoal.DEPLOY: {
        StackStatus.CREATE_COMPLETE,
        StackStatus.UPDATE_COMPLETE,
        StackStatus.IMPORT_COMPLETE,
    },
    StackGoal.DELETE: {StackStatus.DELETE_COMPLETE},
}
_UNDER_WAY = frozenset(
    {
        StackStatus.CREATE_IN_PROGRESS,
        StackStatus.UPDATE_IN_PROGRESS,
        StackStatus.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS,
    }
)
_NO_API_REPAIRS_IT = (
    "no call repairs this state: read the stack's events, correct the resources that they "
    "name, and ask AWS Support to repair the stack; or delete it with those resources retained"
)
_PROD_STAYS = (
    "no role of Tiercel may delete a stack of production: if it has to go, an administrator of "
    "the account deletes it"
)
_IS_PROTECTED = "an administrator of the account takes the termination protection off the stack"
_DELETIONS = frozenset({Step.DELETE, Step.DELETE_FIRST})


def decide(
    status: StackStatus | None, goal: StackGoal, *, production: bool, protected: bool = False
) -> StackAction:
    """Return the next step towards the goal for a stack found in `status`, None if absent.

    In production a step that deletes the stack, or all that its first create made, is refused,
    and so is the deletion of a stack that is `protected` against termination.
    """
    to_deploy, to_delete, reason = _NEXT_STEP[status]
    step = to_delete if goal is StackGoal.DELETE else to_deploy
    if step is Step.REFUSE:
        return StackAction(step, reason, remedy=_NO_API_REPAIRS_IT)
    if production and _destroys(step, status):
        why = f"{reason}, in production"
        return StackAction(Step.REFUSE, why, remedy=_PROD_STAYS, by_hand=ByHand.DELETE)
    if protected and step in _DELETIONS:
        why = f"{reason}, and it is protected against termination"
        return StackAction(Step.REFUSE, why, remedy=_IS_PROTECTED, by_hand=ByHand.UNPROTECT)
    return StackAction(step, reason)


def _destroys(step: Step, status: StackStatus | None) -> bool:
    """RollbackStack deletes all that a first create made: it knows no earlier stable state.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
    """
    return step in _DELETIONS or (
        step is Step.ROLL_BACK_STACK and status is StackStatus.CREATE_FAILED
    )


def is_terminal(status: StackStatus) -> bool:
    """Tell whether CloudFormation has stopped working on the stack by itself.

    REVIEW_IN_PROGRESS is terminal: it lasts until somebody executes a change set.
    """
    return status is StackStatus.REVIEW_IN_PROGRESS or not status.endswith("_IN_PROGRESS")


def runs_its_newest(status: StackStatus) -> bool:
    """Tell whether the stack is what its newest operation makes of it, or becomes that just now."""
    return is_success(status) or status in _UNDER_WAY


def is_success(status: StackStatus, goal: StackGoal = StackGoal.DEPLOY) -> bool:
    """Tell whether an operation with this goal that ended in `status` has succeeded."""
    return status in _SUCCESSES[goal]
