"""The deploy sequence of one stack: observe, stage, plan, execute, verify, record.

Every flow that releases something uses this one: what differs between a deploy, a promotion
and a rollback is the intent.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prefect import get_run_logger
from prefect.runtime import flow_run

from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import (
    InterruptedRunError,
    SmokeTestFailedError,
    SupersededError,
    TiercelError,
    UnreachableError,
)
from tiercel.domain.release.ledger import (
    Intent,
    Outcome,
    Release,
    ReleaseStatus,
    already_live,
    check_maker,
    check_owner,
    is_behind,
    is_recorded,
    next_number,
    resumable,
)
from tiercel.domain.release.superseding import (
    check_succeeded,
    may_be_older,
    superseded,
    too_many_races,
)
from tiercel.domain.stack.plan import Plan
from tiercel.flows.engine.concurrency import call, side_by_side
from tiercel.flows.release.lease import StackLease, lease_of
from tiercel.flows.release.preparation import ReleaseTarget
from tiercel.flows.release.provenance import check_provenance
from tiercel.flows.release.results import Released
from tiercel.flows.release.stack_change import StackChange, bring_up
from tiercel.tasks.aws.caller import caller_arn
from tiercel.tasks.aws.objects import copy_package
from tiercel.tasks.records.ledger import newest_release, record_intent, record_outcome
from tiercel.tasks.stack.smoke_tests import smoke_test
from tiercel.tasks.stack.stacks import Stack, observe_stack

_MOST_RACES = 20
"""How often other runs may take the next number before this one gives up."""

IsOlder = Callable[[Intent], Awaitable[bool]]
"""Whether the release that an intent describes contains what is wanted, and more."""


@dataclass
class _Course:
    """What a release has come to so far, and how many seconds each step took."""

    stack: Stack | None
    plan: Plan | None = None
    answer: str = ""
    durations: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def ended(self, step: str) -> None:
        """Note that a step has ended, which began where the one before it ended."""
        spent = time.monotonic() - self.began - sum(self.durations.values())
        self.durations[step] = round(spent, 3)

    @property
    def seconds(self) -> float:
        """The time since the release began."""
        return round(time.monotonic() - self.began, 3)


async def release(
    target: ReleaseTarget, wanted: Intent, manifest: Manifest, is_older: IsOlder | None = None
) -> Released:
    """Bring one stack to what is wanted, or find that it is there already.

    `wanted` has no number and no requester yet. An open intent of an earlier run with the
    same wish is taken up again. Raises SupersededError if a newer release stands in the
    ledger; without `is_older` only one that is recorded meanwhile counts as newer. The
    artifact is verified before CloudFormation is called at all, unless the ledger says that
    it is live; then before anything is written or changed.
    """
    is_verified = False
    for _ in range(_MOST_RACES):
        latest = await call(newest_release, target.orchestrator, target.bucket, wanted.stack)
        if not is_verified and not is_recorded(latest, wanted):
            await check_provenance(target.orchestrator, target.names, manifest)
            is_verified = True
        stack = await call(observe_stack, target.deployer, wanted.stack)
        if stack and is_behind(latest, stack.token):  # another run has been faster
            latest = await call(newest_release, target.orchestrator, target.bucket, wanted.stack)
        check_owner(latest, wanted, stack_exists=stack is not None)
        if stack:
            expected = target.names.stack_tags(wanted.service)
            check_maker(latest, wanted, stack.status, stack.tags, expected)
        if stack and latest and already_live(latest, wanted, stack.token):
            number = latest.intent.number
            get_run_logger().info("%s: unchanged, release %d is live", wanted.service, number)
            return Released(latest, stack, changed=False)
        if latest and is_older and may_be_older(latest, wanted) and await is_older(latest.intent):
            raise superseded(wanted, latest.intent)
        if not is_verified:  # somebody else has changed the stack since it was released
            await check_provenance(target.orchestrator, target.names, manifest)
            is_verified = True
        intent = await _recorded(target, wanted, latest, stack)
        if intent:
            async with lease_of(target, intent.stack) as lease:
                return await _carried_out(target, intent, manifest, stack, lease)
    raise too_many_races(wanted)


async def _recorded(
    target: ReleaseTarget, wanted: Intent, latest: Release | None, stack: Stack | None
) -> Intent | None:
    """Return the intent as it stands in the ledger: an open one of the same wish, or a new one.

    None if another run took the number first: then everything is asked again, age too.
    """
    if latest and resumable(latest, wanted):
        number = latest.intent.number
        get_run_logger().info("%s: going on with release %d", wanted.service, number)
        return latest.intent
    asked = {
        "number": next_number(latest, stack.token if stack else ""),
        "requested_by": await call(caller_arn, target.names.environment.region),
        "flow_run": target.run,
        "flow_run_url": str(flow_run.ui_url or ""),
        "at": datetime.now(UTC),
    }
    return await call(
        record_intent, target.orchestrator, target.bucket, wanted.model_copy(update=asked)
    )


async def _carried_out(
    target: ReleaseTarget,
    intent: Intent,
    manifest: Manifest,
    stack: Stack | None,
    lease: StackLease,
) -> Released:
    """Carry out an intent and write down what became of it."""
    course = _Course(stack)
    try:
        live = await _brought_up(target, intent, manifest, course, lease)
    except (UnreachableError, InterruptedRunError):
        raise  # nobody knows yet how it ends: the intent stays open and the next run goes on
    except TiercelError as error:
        await _record(target, intent, _failure(error, course), lease)
        raise
    recorded = await _record(target, intent, _success(live, course), lease)
    check_succeeded(recorded)
    get_run_logger().info("%s: release %d is live", intent.service, intent.number)
    return Released(recorded, live, changed=True)


async def _brought_up(
    target: ReleaseTarget,
    intent: Intent,
    manifest: Manifest,
    course: _Course,
    lease: StackLease,
) -> Stack:
    """Return the stack as it runs the release, its smoke test passed."""
    await _stage(target, manifest)
    course.ended("stage")
    change = StackChange(
        access=target.deployer,
        recorder=target.orchestrator,
        names=target.names,
        links=target.links,
        intent=intent,
        template_key=manifest.template.key,
        production=target.names.environment.name == "prod",
    )
    live, course.plan = await bring_up(change, course.stack, lease)
    course.stack = live
    course.ended("change")
    if intent.smoke_test:
        await lease.confirm()
        course.answer = await call(smoke_test, target.deployer, live, intent.smoke_test)
        get_run_logger().info("%s: smoke test passed: %s", intent.service, course.answer)
        course.ended("verify")
    return live


async def _stage(target: ReleaseTarget, manifest: Manifest) -> None:
    access, source, staging = target.deployer, target.bucket, target.names.staging_bucket
    created = await side_by_side(
        lambda package=package: call(copy_package, access, source, access, staging, package)  # type: ignore[misc]
        for package in manifest.objects
    )
    get_run_logger().info(
        "%s: %d of %d packages staged, the others were there",
        manifest.service,
        sum(created),
        len(created),
    )


async def _record(
    target: ReleaseTarget, intent: Intent, outcome: Outcome, lease: StackLease
) -> Release:
    """Write the outcome; whoever lost the lease cannot know what the stack runs.

    A release that failed before it needed the lease has not touched the stack.
    """
    if lease.is_held:
        await lease.confirm()
    return await call(record_outcome, target.orchestrator, target.bucket, intent, outcome)


def _success(stack: Stack, course: _Course) -> Outcome:
    return Outcome(
        status=ReleaseStatus.SUCCEEDED,
        deployed=True,
        at=datetime.now(UTC),
        seconds=course.seconds,
        durations=course.durations,
        stack_id=stack.stack_id,
        stack_token=stack.token,
        plan_digest=course.plan.digest if course.plan else "",
        change_set=course.plan.change_set_id if course.plan else "",
        outputs=stack.outputs,
        smoke_test=course.answer,
    )


def _failure(error: TiercelError, course: _Course) -> Outcome:
    was_superseded = isinstance(error, SupersededError)
    return Outcome(
        status=ReleaseStatus.SUPERSEDED if was_superseded else ReleaseStatus.FAILED,
        deployed=isinstance(error, SmokeTestFailedError),
        at=datetime.now(UTC),
        seconds=course.seconds,
        durations=course.durations,
        stack_id=course.stack.stack_id if course.stack else "",
        plan_digest=course.plan.digest if course.plan else "",
        change_set=course.plan.change_set_id if course.plan else "",
        message=str(error),
        failure=error.failure,
    )
