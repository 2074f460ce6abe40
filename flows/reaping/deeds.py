"""What the reaper deletes, one thing after the other, each by the role that may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prefect import get_run_logger

from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.base.errors import TiercelError
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.tokens import client_token
from tiercel.domain.teardown.leftovers import Fate, Judgement, LeftoverKind
from tiercel.domain.teardown.leftovers_seen import ReapScope
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.engine.groups import in_group
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.release.stack.lease import lease_of
from tiercel.tasks.aws.objects import copy_package
from tiercel.tasks.stack.stacks import delete_stack, observe_stack
from tiercel.tasks.stack.waiting.operation import wait_for_stack
from tiercel.tasks.teardown.buckets import empty_bucket
from tiercel.tasks.teardown.removal import (
    delete_bucket,
    delete_change_set,
    delete_log_group,
    delete_queue,
    delete_table,
    remove_staged,
)


@dataclass
class ReaperDeeds:
    """Who deletes what: `own` in the environment itself, `on_demand` in those on demand in it.

    `done` has the keys of what is gone now, `put_back` the stacks that a candidate was taken off,
    `errors` what is in the way of the rest.
    """

    own: ReleaseTarget
    on_demand: ReleaseTarget | None
    scope: ReapScope
    done: set[str] = field(default_factory=set)
    put_back: set[str] = field(default_factory=set)
    errors: list[TiercelError] = field(default_factory=list)

    def target_of(self, name: str) -> ReleaseTarget:
        """Return the environment whose roles act on a thing of this name."""
        is_on_demand = self.on_demand is not None and self.scope.is_on_demand(name)
        return self.on_demand if self.on_demand and is_on_demand else self.own

    async def tried(self, key: str, deed: Awaitable[bool]) -> None:
        """Await a deed; one that fails is told at the end, and holds up no other."""
        try:
            if await deed:
                self.done.add(key)
        except TiercelError as error:
            get_run_logger().warning("%s: %s", key, error)
            self.errors.append(error)


async def delete_leftovers(deeds: ReaperDeeds, leftovers: Iterable[Judgement]) -> None:
    """Delete whatever was chosen but what is staged."""
    chosen = [
        one
        for one in leftovers
        if one.fate is Fate.DELETE and one.kind is not LeftoverKind.STAGED_OBJECT
    ]
    await each(chosen, lambda one: deeds.tried(one.key, _DEEDS[one.kind](deeds, one)))


async def _stack_in_review(deeds: ReaperDeeds, one: Judgement) -> bool:
    """Delete the stack if it is still in review once nobody else may carry a plan out."""
    target = deeds.target_of(one.name)
    async with lease_of(target, one.name) as lease:
        await lease.take()
        stack = await call(observe_stack, target.deployer, one.name)
        if stack is None or stack.stack_id != one.id:
            return False
        if stack.status is not StackStatus.REVIEW_IN_PROGRESS:
            return False
        await lease.confirm()
        token = client_token("reap", target.run)
        await call(delete_stack, target.destroyer, stack, token)
        await call(wait_for_stack, target.deployer, stack.stack_id, one.name)
    return True


async def _change_set(deeds: ReaperDeeds, one: Judgement) -> bool:
    await call(delete_change_set, deeds.target_of(one.name).deployer, one.name, one.id)
    return True


async def _log_group(deeds: ReaperDeeds, one: Judgement) -> bool:
    await call(delete_log_group, deeds.target_of(one.name).destroyer, one.name)
    return True


async def _bucket(deeds: ReaperDeeds, one: Judgement) -> bool:
    who = deeds.target_of(one.name).destroyer
    await call(empty_bucket, who, one.name)
    await call(delete_bucket, who, one.name)
    return True


async def _table(deeds: ReaperDeeds, one: Judgement) -> bool:
    await call(delete_table, deeds.target_of(one.name).destroyer, one.name)
    return True


async def _queue(deeds: ReaperDeeds, one: Judgement) -> bool:
    target = deeds.target_of(one.name)
    await call(delete_queue, deeds.own.auditor, target.destroyer, one.name)
    return True


_Deed = Callable[[ReaperDeeds, Judgement], Awaitable[bool]]
_DEEDS: Mapping[LeftoverKind, _Deed] = {
    LeftoverKind.STACK_IN_REVIEW: _stack_in_review,
    LeftoverKind.CHANGE_SET: _change_set,
    LeftoverKind.LOG_GROUP: _log_group,
    LeftoverKind.BUCKET: _bucket,
    LeftoverKind.TABLE: _table,
    LeftoverKind.QUEUE: _queue,
}
"""Things of other kinds are chosen by no rule."""

NeededNow = Callable[[], Awaitable[Mapping[str, PackagedObject] | None]]
"""What the newest releases need by now, None if that is not known."""


async def unstage(
    deeds: ReaperDeeds, leftovers: Sequence[Judgement], needed_now: NeededNow
) -> None:
    """Remove staged packages; what a release has come to need meanwhile is staged again.

    A release writes its intent before it looks which packages are staged. So whatever one found
    there before it was removed is seen by the second look at the ledger.
    """
    chosen = [
        one
        for one in leftovers
        if one.fate is Fate.DELETE and one.kind is LeftoverKind.STAGED_OBJECT
    ]
    if not chosen:
        return
    target, bucket = deeds.own, deeds.own.names.staging_bucket
    keys = [one.name for one in chosen]
    await call(remove_staged, target.deployer, bucket, keys)
    needed = await needed_now()
    again = [] if needed is None else [needed[key] for key in keys if key in needed]
    access, source = target.deployer, target.records.bucket
    if again:
        async with in_group("stage again", at_once=True):
            await each(again, lambda one: call(copy_package, access, source, access, bucket, one))
    missed = {one.key for one in again}
    deeds.done |= {one.key for one in chosen if one.name not in missed}
