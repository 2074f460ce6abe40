"""The deploy sequence of one stack: observe, stage, plan, execute, verify, record.

Every flow that releases something uses this one: what differs between a deploy, a promotion
and a rollback is the intent.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from prefect import get_run_logger
from prefect.runtime import flow_run

from tiercel.domain.artifact.manifest import Manifest, moved_words
from tiercel.domain.base.errors import OvertakenError, TiercelError
from tiercel.domain.release.ledger import (
    Intent,
    Outcome,
    Release,
    as_called_now,
    is_candidate,
)
from tiercel.domain.release.next_move import (
    AlreadyLive,
    AskWhetherOlder,
    Known,
    ObserveStack,
    Question,
    ReadLasting,
    ReadLedger,
    RecordIntent,
    Refuse,
    Resume,
    VerifyProvenance,
    next_move,
)
from tiercel.domain.release.outcomes import Course, failure, success
from tiercel.domain.release.rollback import seed_of_rebuilt
from tiercel.domain.release.superseding import newest_to_stay, require_succeeded
from tiercel.domain.stack.observed import Stack
from tiercel.domain.stack.plan import Plan
from tiercel.domain.template.outside_rules import require_allowed
from tiercel.flows.engine.concurrency import call, each
from tiercel.flows.engine.groups import in_group
from tiercel.flows.release.preparation import PlanGate, ReleaseTarget
from tiercel.flows.release.provenance import require_provenance
from tiercel.flows.release.results import Released
from tiercel.flows.release.stack.change import bring_up
from tiercel.flows.release.stack.lease import StackLease, lease_of
from tiercel.flows.release.stack.wanted_change import StackChange, TrafficSeen
from tiercel.tasks.aws.caller import caller_arn
from tiercel.tasks.aws.objects import copy_package
from tiercel.tasks.records.ledger import (
    newest_release,
    read_history,
    record_intent,
    record_outcome,
)
from tiercel.tasks.records.verifications import record_verification
from tiercel.tasks.stack.seeds import seed_stack
from tiercel.tasks.stack.smoke_tests import smoke_test
from tiercel.tasks.stack.stacks import observe_stack, protect_stack

IsOlder = Callable[[Intent], Awaitable[bool]]
"""Whether the release that an intent describes contains what is wanted, and more."""


@dataclass(frozen=True)
class Ready:
    """What was done before a release's turn: its artifact is verified and staged.

    Attributes:
        requested_by: As whom the run acts.
    """

    requested_by: str


@dataclass(frozen=True)
class Wish:
    """What is to run where: `intent` has no number and no requester yet.

    Without `is_older` only a release that is recorded meanwhile counts as newer. `fill` is
    awaited before the smoke test. Whoever has the stack's `lease` already gives it, and gives it
    back. What is `ready` is not done again. `gate` is asked before the stack is changed, and
    raises to keep it as it is.
    """

    target: ReleaseTarget
    intent: Intent
    manifest: Manifest
    is_older: IsOlder | None = None
    fill: Callable[[Stack], Awaitable[None]] | None = None
    lease: StackLease | None = None
    ready: Ready | None = None
    gate: PlanGate | None = None


@dataclass
class _Progress:
    """What a release has come to so far, and how many seconds each step took."""

    stack: Stack | None
    plan: Plan | None = None
    answer: str = ""
    traffic: TrafficSeen = field(default_factory=TrafficSeen)
    durations: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def ended(self, step: str) -> None:
        """Note that a step has ended, which began where the one before it ended."""
        spent = time.monotonic() - self.began - sum(self.durations.values())
        self.durations[step] = round(spent, 3)

    def so_far(self) -> Course:
        """Return how the release has gone until now."""
        return Course(
            at=datetime.now(UTC),
            seconds=round(time.monotonic() - self.began, 3),
            durations=self.durations,
            stack=self.stack,
            plan=self.plan,
            answer=self.answer,
            shifts=tuple(self.traffic.shifts),
        )


async def release(wish: Wish) -> Released:
    """Release as `_released` does, in a group of its own."""
    phase = "restore" if wish.intent.restores else "release"
    async with in_group(phase, wish.intent.service):
        return await _released(wish)


async def _released(wish: Wish) -> Released:
    """Bring one stack to what is wanted, or find that it is there already.

    An open intent of an earlier run with the same wish is taken up again. Raises
    SupersededError if a newer release stands in the ledger, RefusedInputError for what the
    environment does not let in from outside. What comes when is decided by
    `next_move`.
    """
    known, wanted = Known(verified=wish.ready is not None), wish.intent
    may_differ = live_may_differ(wish.target, wish.manifest)
    require_allowed(wish.manifest.outside, wish.target.names.environment, wanted.parameters)
    expected = wish.target.names.stack_tags(wanted.service)
    while True:
        match next_move(wanted, known, expected, may_differ=may_differ):
            case AlreadyLive(live, stack):
                number = live.intent.number
                get_run_logger().info("%s: unchanged, release %d is live", wanted.service, number)
                return Released(live, stack, changed=False)
            case Refuse(error):
                raise error
            case Resume(intent, stack):
                number = intent.number
                get_run_logger().info("%s: going on with release %d", wanted.service, number)
                done = await _unless_overtaken(wish, intent, stack)
                if done:
                    return done
                known = known.beaten_again()
            case RecordIntent(number, stack):
                recorded = await _recorded(wish, number)
                done = await _unless_overtaken(wish, recorded, stack) if recorded else None
                if done:
                    return done
                known = known.beaten_again()
            case AskWhetherOlder(newer):
                older = wish.is_older is not None and await wish.is_older(newer)
                known = replace(known, is_older=older)
            case question:
                known = await _answered(question, known, wish)


def live_may_differ(target: ReleaseTarget, manifest: Manifest) -> bool:
    """Tell whether only a change set says if a stack that runs what is wanted is right."""
    return manifest.reads_parameters or target.revert_drift


async def _answered(question: Question, known: Known, wish: Wish) -> Known:
    """Return what is known once the question is answered."""
    target, stack = wish.target, wish.intent.stack
    match question:
        case ReadLedger():
            latest = await call(newest_release, target.records, stack)
            return known.with_ledger(latest and as_called_now(latest, target.current_name))
        case ReadLasting():
            history = await call(read_history, target.records, stack)
            lasting = newest_to_stay(history)
            now = lasting and as_called_now(lasting, target.current_name)
            return replace(known, lasting=now)
        case VerifyProvenance():
            await require_provenance(target.orchestrator, target.names, wish.manifest)
            return replace(known, verified=True)
        case ObserveStack():
            found = await call(observe_stack, target.deployer, stack)
            return replace(known, stack=found)


async def _recorded(wish: Wish, number: int) -> Intent | None:
    """Return the intent as it stands in the ledger, None if another run took the number first."""
    target, ready = wish.target, wish.ready
    who = ready.requested_by if ready else await call(caller_arn, target.names.environment.region)
    asked = {
        "number": number,
        "requested_by": who,
        "flow_run": target.run,
        "flow_run_url": str(flow_run.ui_url or ""),
        "at": datetime.now(UTC),
    }
    intent = wish.intent.model_copy(update=asked)
    return await call(record_intent, target.records, intent)


async def _unless_overtaken(wish: Wish, intent: Intent, stack: Stack | None) -> Released | None:
    """Carry out an intent; None if what came before it does not take its place."""
    try:
        return await _carried_out(wish, intent, stack)
    except OvertakenError as error:
        get_run_logger().info("%s: asked for again: %s", intent.service, error.what)
        return None


async def _carried_out(wish: Wish, intent: Intent, stack: Stack | None) -> Released:
    """Carry out an intent of the ledger and write down what became of it.

    Where a candidate's verdict will stand is written down before there is one.
    """
    target, progress = wish.target, _Progress(stack)
    if is_candidate(intent):
        await call(record_verification, target.records, intent)
    async with nullcontext(wish.lease) if wish.lease else lease_of(target, intent.stack) as lease:
        try:
            live = await _brought_up(wish, intent, progress, lease)
        except TiercelError as error:
            ended = failure(error, progress.so_far())
            if ended:
                await _record(target, intent, ended, lease)
            raise
        recorded = await _record(target, intent, success(live, progress.so_far()), lease)
    require_succeeded(recorded)
    get_run_logger().info("%s: release %d is live", intent.service, intent.number)
    return Released(recorded, live, changed=True)


async def _brought_up(wish: Wish, intent: Intent, progress: _Progress, lease: StackLease) -> Stack:
    """Return the stack as it runs the release, its smoke test passed."""
    target, manifest = wish.target, wish.manifest
    if not wish.ready:
        await stage_packages(target, manifest)
        progress.ended("stage")
    change = stack_change_of(target, intent, manifest, wish.gate)
    change = replace(change, traffic=progress.traffic)
    live, progress.plan = await bring_up(change, progress.stack, lease)
    progress.stack = live
    progress.ended("change")
    if wish.fill:
        await wish.fill(live)
    seed = seed_of_rebuilt(intent)
    if seed:
        await lease.confirm()
        answer = await call(seed_stack, target.deployer, live, seed)
        get_run_logger().info("%s: filled with data: %s", intent.service, answer)
        progress.ended("seed")
    progress.answer = progress.traffic.answer
    if intent.smoke_test and not progress.answer:
        await lease.confirm()
        progress.answer = await call(smoke_test, target.deployer, live, intent.smoke_test)
        get_run_logger().info("%s: smoke test passed: %s", intent.service, progress.answer)
        progress.ended("verify")
    if change.production and not live.protected:
        await lease.confirm()
        await call(protect_stack, target.deployer, live)
    return live


def stack_change_of(
    target: ReleaseTarget, intent: Intent, manifest: Manifest, gate: PlanGate | None = None
) -> StackChange:
    """Return what is to become of a stack, given what is wanted of it."""
    return StackChange(
        access=target.deployer,
        destroyer=target.destroyer,
        records=target.records,
        names=target.names,
        links=target.links,
        intent=intent,
        template_key=manifest.template.key,
        outside=manifest.outside,
        production=target.names.environment.production,
        tags=target.tags,
        express=target.express,
        revert_drift=target.revert_drift,
        under_way=target.under_way,
        gate=gate,
    )


async def stage_packages(target: ReleaseTarget, manifest: Manifest) -> None:
    """Copy an artifact's packages to where CloudFormation reads them; those that are there stay."""
    access, source, staging = target.deployer, target.records.bucket, target.names.staging_bucket
    async with in_group("stage", manifest.service, at_once=True):
        created = await each(
            manifest.objects,
            lambda package: call(copy_package, access, source, access, staging, package),
        )
    told = moved_words(sum(created), len(created), "staged")
    get_run_logger().info("%s: %s", manifest.service, told)


async def _record(
    target: ReleaseTarget, intent: Intent, outcome: Outcome, lease: StackLease
) -> Release:
    """Write the outcome; whoever lost the lease cannot know what the stack runs.

    A release that failed before it needed the lease has not touched the stack.
    """
    if lease.is_held:
        await lease.confirm()
    return await call(record_outcome, target.records, intent, outcome)
