"""One stack that is deleted: what forbids it, what to do when it fails, and what is left."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tiercel.domain.base.errors import DeployFailedError, RefusedInputError
from tiercel.domain.organization.names import Names
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.tokens import client_token

BUCKET_TYPE = "AWS::S3::Bucket"
FUNCTION_TYPE = "AWS::Lambda::Function"
_VERSION_TYPE = "AWS::Lambda::Version"
_UNTOUCHED = "nothing was deleted"


@dataclass(frozen=True)
class StackResource:
    """One resource of a stack, as CloudFormation lists it.

    `nested_in` is the path of logical ids down to the nested stack that has it, empty for the
    stack's own.
    """

    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str = ""
    nested_in: str = ""

    @property
    def path(self) -> str:
        """The logical ids from the stack down to the resource."""
        return f"{self.nested_in}.{self.logical_id}" if self.nested_in else self.logical_id

    @property
    def has_failed(self) -> bool:
        """Whether CloudFormation could not delete it."""
        return self.status == "DELETE_FAILED"

    def line(self) -> str:
        """Return the resource as a line for a log or a page."""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.resource_type} {self.path} ({self.physical_id or 'without a name'}){why}"


class FailedDeletionStep(StrEnum):
    """What comes after a deletion that ended as DELETE_FAILED."""

    EMPTY = "empty"
    """Remove every version of every object of the buckets that hold it up, then delete again."""
    REPEAT = "repeat"
    RETAIN = "retain"
    """Delete the stack and leave alone what cannot be deleted; it is reported."""


@dataclass(frozen=True)
class FailedDeletionAction:
    """The step; `names` are physical ids of buckets, or logical ids of what is retained."""

    step: FailedDeletionStep
    names: tuple[str, ...] = ()


def after_failure(
    failed: Sequence[StackResource], emptied: Collection[str], *, repeated: bool
) -> FailedDeletionAction:
    """Return what to do about a stack whose deletion failed.

    `failed` has the resources that could not be deleted, those of nested stacks among them;
    `emptied` the buckets that were emptied already; `repeated` tells whether the deletion was
    tried again since without anything to empty. What AWS refuses for a moment passes; retaining
    comes last: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    full = {one.physical_id for one in failed if one.resource_type == BUCKET_TYPE}
    waiting = tuple(sorted(full - set(emptied) - {""}))
    if waiting:
        return FailedDeletionAction(FailedDeletionStep.EMPTY, waiting)
    own = tuple(sorted({one.path.partition(".")[0] for one in failed}))
    if not repeated or not own:
        return FailedDeletionAction(FailedDeletionStep.REPEAT)
    return FailedDeletionAction(FailedDeletionStep.RETAIN, own)


@dataclass(frozen=True)
class DeletedStack:
    """What became of a stack: `stack_id` is empty if there was none.

    `retained` is what is still there, because it could not be deleted or because the template
    says so; `emptied` has the number of versions that were removed from each bucket.
    """

    stack: str
    stack_id: str = ""
    retained: tuple[StackResource, ...] = ()
    emptied: Mapping[str, int] | None = None
    seconds: float = 0.0


def left_of(
    kept: Iterable[StackResource], deleted_functions: Collection[str]
) -> tuple[StackResource, ...]:
    """Return what is really left of what a template retains: all but versions of functions.

    SAM retains each version that it publishes, and whoever deletes a function deletes its versions:
    https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html. `deleted_functions` are
    names of functions.
    """
    return tuple(
        one
        for one in kept
        if one.resource_type != _VERSION_TYPE or _function_of(one) not in deleted_functions
    )


def _function_of(version: StackResource) -> str:
    """The name in arn:aws:lambda:REGION:ACCOUNT:function:NAME:VERSION."""
    return version.physical_id.rpartition(":")[0].rpartition(":")[2]


def require_deletable_name(names: Names, stack: str) -> None:
    """Return if a stack of this name may be deleted in this environment at all.

    Raises RefusedInputError for production, and for a name of another environment or
    organization. Nothing has been called by then.
    """
    where = f"stack {stack}"
    if names.environment.production:
        raise RefusedInputError(
            "teardown.production",
            "no stack of production is ever deleted",
            where=where,
            why=f"{names.environment.name} is production",
            state=_UNTOUCHED,
            remedy="if it has to go, an administrator of the account deletes it",
        )
    if not re.fullmatch(re.escape(names.prefix) + "[A-Za-z0-9-]+", stack):
        raise RefusedInputError(
            "teardown.foreign_name",
            f"stack {stack} is none of {names.environment.name}",
            where=where,
            why=f"the names of its stacks begin with {names.prefix}",
            state=_UNTOUCHED,
            remedy="name a stack of this environment",
        )


def require_deletable(
    stack: Stack, account: str, expected_tags: Mapping[str, str], expected_id: str = ""
) -> None:
    """Return if this very stack is the one that is meant, in this account, and Tiercel's.

    Raises RefusedInputError if it lacks one of the tags, lies elsewhere, or is a namesake of
    the stack with the `expected_id`.
    """
    where = f"stack {stack.stack_id}"
    missing = [f"{key}={value}" for key, value in expected_tags.items() if
               stack.tags.get(key) != value]  # fmt: skip
    if missing or not expected_tags:
        raise RefusedInputError(
            "teardown.foreign_tags",
            f"stack {stack.name} was not made by Tiercel",
            where=where,
            why=f"it has not the tags {', '.join(missing)}",
            state=_UNTOUCHED,
            remedy="whoever made it deletes it; or, if it may go, give it those tags",
        )
    found = stack.stack_id.split(":")
    if len(found) < 6 or found[4] != account:
        raise RefusedInputError(
            "teardown.foreign_account",
            f"stack {stack.name} lies in another account",
            where=where,
            why=f"the account is {account}",
            state=_UNTOUCHED,
            remedy="correct the accounts in tiercel.toml",
        )
    if expected_id and stack.stack_id != expected_id:
        raise RefusedInputError(
            "teardown.other_stack",
            f"stack {stack.name} is not the one that was to be deleted",
            where=where,
            why=f"that was {expected_id}",
            state=_UNTOUCHED,
            remedy="look at what is there now, and ask for its deletion again",
        )


def not_deletable(stack: Stack, why: str, remedy: str) -> RefusedInputError:
    """Return the error of a stack that stays in the state in which it is."""
    return RefusedInputError(
        "teardown.stack_stays",
        f"stack {stack.name} cannot be deleted as it is",
        where=f"stack {stack.stack_id}",
        why=why,
        state=_UNTOUCHED,
        remedy=f"{remedy}; then run it again",
    )


def not_deleted(stack: Stack, failed: Iterable[StackResource]) -> DeployFailedError:
    """Return the error of a stack that is still there after everything was tried."""
    why = "\n".join(one.line() for one in failed) or stack.reason
    return DeployFailedError(
        "teardown.not_deleted",
        f"stack {stack.name} could not be deleted",
        where=f"stack {stack.stack_id}",
        why=why or "CloudFormation gives no reason",
        state=f"the stack is {stack.status}",
        remedy="remove what keeps the resources from being deleted, then run it again",
    )


def restless(stack: str) -> DeployFailedError:
    """Return the error of a stack that somebody else changes as well."""
    return DeployFailedError(
        "teardown.restless",
        f"stack {stack} does not come to rest",
        where=f"stack {stack}",
        state="it is not deleted",
        remedy="see in its events who else changes it, then run it again",
    )


def deletion_token(key: str, newest: str) -> str:
    """Return the client token of the next attempt to delete, given the stack's newest one.

    Whoever repeats a deletion that failed needs another token: the same one starts nothing.
    """
    begun = re.fullmatch(re.escape(client_token("delete", key)) + "-([0-9]+)", newest)
    return client_token("delete", key) + f"-{int(begun[1]) + 1 if begun else 1}"
