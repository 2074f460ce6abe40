"""From whatever state a stack is in to no stack: under its lease, by the destroyer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prefect import get_run_logger

from tiercel.domain.accounts.by_hand import StackByHand
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.stack import states
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.states import StackAction, StackStatus, Step
from tiercel.domain.teardown.stack_deletion import (
    FUNCTION_TYPE,
    DeletedStack,
    FailedDeletionStep,
    StackResource,
    after_failure,
    deletion_token,
    left_of,
    not_deletable,
    not_deleted,
    require_deletable,
    require_deletable_name,
    restless,
)
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.engine.groups import in_group
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.release.stack.lease import StackLease, lease_of
from tiercel.tasks.stack.stacks import delete_stack, observe_stack
from tiercel.tasks.stack.waiting.operation import wait_for_stack
from tiercel.tasks.teardown.buckets import empty_bucket
from tiercel.tasks.teardown.stack_resources import list_resources

_MOST_STEPS = 10
"""Wait, delete, empty, delete, repeat, retain and a few surprises."""


@dataclass(frozen=True)
class SeenAlone:
    """A stack as it is while nobody else may change it, None if there is none; and the lease."""

    stack: Stack | None
    lease: StackLease


@dataclass(frozen=True)
class StackDeletion:
    """One stack that is to go. Its name begins with the prefix of the target's names.

    `tags` are those that it must have, `key` names the wish in client tokens (the run, the drill),
    `stack_id` is the very stack that was agreed upon, if one was. Whoever has looked at the stack
    under its lease already says what was `seen`, and gives the lease back.
    """

    target: ReleaseTarget
    stack: str
    tags: Mapping[str, str]
    key: str
    stack_id: str = ""
    express: bool = False
    seen: SeenAlone | None = None


@dataclass
class _Course:
    """How a deletion has gone so far."""

    began: float = field(default_factory=time.monotonic)
    emptied: dict[str, int] = field(default_factory=dict)
    failed: Sequence[StackResource] = ()
    kept: dict[str, StackResource] = field(default_factory=dict)
    deleted_functions: set[str] = field(default_factory=set)
    repeated: bool = False


async def delete_one_stack(wish: StackDeletion) -> DeletedStack:
    """Delete one stack and return what is left of it; nothing to do if there is none.

    Safe to repeat: killed anywhere, the next run takes the deletion up. A stack of production, of
    another name, account, organization or id, without its tags or protected against termination
    is refused: RefusedInputError. Buckets that hold the deletion up are emptied; what
    CloudFormation cannot delete even so is retained and returned. Raises DeployFailedError if the
    stack stays.
    """
    require_deletable_name(wish.target.names, wish.stack)
    async with in_group("delete", wish.stack):
        return await _deleted_alone(wish)


async def _deleted_alone(wish: StackDeletion) -> DeletedStack:
    if wish.seen:
        return await _gone(wish, wish.seen.lease, _deletable(wish, wish.seen.stack))
    async with lease_of(wish.target, wish.stack) as lease:
        if await _look(wish) is None:
            return DeletedStack(wish.stack)
        await lease.take()
        return await _gone(wish, lease, await _look(wish))


async def _look(wish: StackDeletion) -> Stack | None:
    """Return the stack if it may be deleted, None if there is none."""
    return _deletable(wish, await call(observe_stack, wish.target.deployer, wish.stack))


def _deletable(wish: StackDeletion, stack: Stack | None) -> Stack | None:
    """Return the stack, None if there is none; RefusedInputError if it may not be deleted."""
    if stack:
        account = wish.target.names.environment.runtime_account
        require_deletable(stack, account, wish.tags, wish.stack_id)
    return stack


async def _gone(wish: StackDeletion, lease: StackLease, seen: Stack | None) -> DeletedStack:
    course, last = _Course(), wish.stack_id
    for step in range(_MOST_STEPS):
        stack = await _look(wish) if step else seen
        if stack is None:
            return _deleted(wish, last, course)
        last = stack.stack_id
        action = _next(wish, stack)
        if action.step is Step.WAIT:
            await _wait(wish, stack, course)
            continue
        if stack.status is StackStatus.DELETE_FAILED and not course.failed:
            course.failed = await _failures(wish, stack)
        retained = await _mended(wish, stack, course) if course.failed else ()
        await lease.confirm()
        token = deletion_token(wish.key, stack.token)
        await call(
            delete_stack, wish.target.destroyer, stack, token, retained, express=wish.express
        )
        ended = await _wait(wish, stack, course)
        if ended.status is StackStatus.DELETE_COMPLETE:
            return _deleted(wish, last, course)
        course.failed = await _failures(wish, ended)
        if retained or (course.repeated and not course.failed):
            raise not_deleted(ended, course.failed)
        course.repeated = course.repeated or not course.failed
    raise restless(wish.stack)


def _next(wish: StackDeletion, stack: Stack) -> StackAction:
    action = states.decide(
        stack.status,
        states.StackGoal.DELETE,
        production=wish.target.names.environment.production,
        protected=stack.protected,
    )
    if action.step is not Step.REFUSE:
        return action
    place = wish.target.names.environment
    hand = StackByHand(
        stack.stack_id, place.runtime_account, place.region, protected=stack.protected
    )
    remedy = hand.end_of_protection() if action.by_hand is states.ByHand.UNPROTECT else ""
    raise not_deletable(stack, action.reason, remedy or action.remedy)


async def _mended(wish: StackDeletion, stack: Stack, course: _Course) -> tuple[str, ...]:
    """Do what a failed deletion needs before the next; return the logical ids that stay."""
    action = after_failure(course.failed, course.emptied, repeated=course.repeated)
    logger = get_run_logger()
    if action.step is FailedDeletionStep.EMPTY:
        removed = await each(action.names, lambda name: _empty(wish, name))
        course.emptied |= dict(zip(action.names, removed, strict=True))
        logger.info("%s: %d versions removed from %d buckets", stack.name, sum(removed),
                    len(removed))  # fmt: skip
        return ()
    if action.step is FailedDeletionStep.REPEAT:
        course.repeated = True
        return ()
    for one in course.failed:
        logger.warning("%s: stays behind: %s", stack.name, one.line())
        course.kept[one.path] = one
    return action.names


async def _empty(wish: StackDeletion, bucket: str) -> int:
    """A bucket that may not be emptied is no reason to stop: it stays behind, and is reported."""
    try:
        return await call(empty_bucket, wish.target.destroyer, bucket)
    except TiercelError as error:
        get_run_logger().warning("%s: bucket %s is not emptied: %s", wish.stack, bucket, error)
        return 0


async def _failures(wish: StackDeletion, stack: Stack) -> list[StackResource]:
    found = await call(list_resources, wish.target.deployer, stack.stack_id, stack.name)
    return [one for one in found if one.has_failed]


async def _wait(wish: StackDeletion, stack: Stack, course: _Course) -> Stack:
    """Wait until nothing is in progress, and remember what the template has retained."""
    access, under_way = wish.target.deployer, wish.target.under_way
    ended, events = await call(
        wait_for_stack, access, stack.stack_id, wish.stack, under_way=under_way
    )
    for event in events:
        if event.status == "DELETE_SKIPPED":
            course.kept[event.logical_id] = StackResource(
                event.logical_id, event.physical_id, event.resource_type, event.status, event.reason
            )
        if event.resource_type == FUNCTION_TYPE and event.status == "DELETE_COMPLETE":
            course.deleted_functions.add(event.physical_id)
    return ended


def _deleted(wish: StackDeletion, stack_id: str, course: _Course) -> DeletedStack:
    seconds = round(time.monotonic() - course.began, 3)
    get_run_logger().info("%s: deleted", wish.stack)
    kept = left_of((course.kept[path] for path in sorted(course.kept)), course.deleted_functions)
    return DeletedStack(wish.stack, stack_id, kept, course.emptied, seconds)
