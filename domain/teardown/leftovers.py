"""What is left in a RuntimeAccount that no stack owns, and what becomes of each thing.

Nothing is chosen that has neither Tiercel's tags nor its names, nothing of production, and nothing
that may hold the data of a permanent stack. Whatever is chosen once stays chosen as time goes by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tiercel.domain.organization.on_demand import EPHEMERAL
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.tokens import attempted_release, is_shown_only
from tiercel.domain.teardown.leftovers_seen import (
    FUNCTION_LOGS,
    STACK_ID_TAG,
    STACK_NAME_TAG,
    ChangeSetThere,
    LeftoversSeen,
    LogGroupThere,
    ReapScope,
    StackThere,
    StagedObject,
    TaggedResource,
)

LATER_RUN = timedelta(hours=24)
"""So long whoever repeats a release that died finds its change set."""
HARDLY_MADE = timedelta(hours=1)
"""A run that makes a thing records it within minutes."""
STAGED_FOR = timedelta(hours=24)
"""A release stages what it needs minutes before CloudFormation reads it."""
_GRACE_ON_DEMAND = timedelta(hours=1)
_GRACE_OF_LOGS = timedelta(days=14)
"""Somebody may still look for why a function failed that is gone."""

_PACKAGE = re.compile(r"packages/[0-9a-f]{64}\.[a-z]+")


class LeftoverKind(StrEnum):
    """What a thing is."""

    STACK_IN_REVIEW = "stack in review"
    CHANGE_SET = "change set"
    LOG_GROUP = "log group"
    STAGED_OBJECT = "staged object"
    BUCKET = "bucket"
    TABLE = "table"
    QUEUE = "queue"
    OTHER = "other resource"


class Fate(StrEnum):
    """What becomes of a thing."""

    DELETE = "delete"
    LATER = "later"
    KEEP = "keep"
    BY_HAND = "by hand"


class Why(StrEnum):
    """Why."""

    NOT_OURS = "it has neither Tiercel's tags nor its names"
    OWNED = "a stack owns it"
    FUNCTION_EXISTS = "its function exists"
    UNKNOWN = "whether its function exists could not be found out"
    NEEDED = "one of the newest releases of a stack needs it"
    NEEDS_UNKNOWN = "what the newest releases need could not be found out"
    AT_WORK = "CloudFormation is at work on it"
    RUN_MAY_GO_ON = "its release is open, and its run may go on"
    HARDLY_MADE = "it was made just now"
    HARDLY_SEEN = "it was not seen long enough without an owner"
    OF_PERMANENT_STACK = "a permanent stack left it, and it may hold data"
    NO_RULE = "no role of Tiercel deletes a thing of this kind"
    NO_ROLES = "environments on demand were switched off, and no role acts in them any more"
    NO_RELEASE = "the ledger has no release of it"
    RELEASE_ENDED = "its release has ended"
    PLAN_SHOWN = "a pull request's plan is deleted once it is shown"
    RUN_DIED = "its release was begun long ago and not ended"
    NEVER_MADE = "it was planned and never made"
    FUNCTION_GONE = "its function is gone"
    UNNEEDED = "none of the newest releases of any stack needs it"
    STACK_DESTROYED = "its stack on demand was destroyed"


_FATES = {
    Why.AT_WORK: Fate.LATER,
    Why.RUN_MAY_GO_ON: Fate.LATER,
    Why.HARDLY_MADE: Fate.LATER,
    Why.HARDLY_SEEN: Fate.LATER,
    Why.OF_PERMANENT_STACK: Fate.BY_HAND,
    Why.NO_RULE: Fate.BY_HAND,
    Why.NO_ROLES: Fate.BY_HAND,
    Why.NO_RELEASE: Fate.BY_HAND,
    Why.RELEASE_ENDED: Fate.DELETE,
    Why.PLAN_SHOWN: Fate.DELETE,
    Why.RUN_DIED: Fate.DELETE,
    Why.NEVER_MADE: Fate.DELETE,
    Why.FUNCTION_GONE: Fate.DELETE,
    Why.UNNEEDED: Fate.DELETE,
    Why.STACK_DESTROYED: Fate.DELETE,
}


@dataclass(frozen=True)
class Judgement:
    """What becomes of one thing, and why. `id` is by what AWS is told which one is meant."""

    kind: LeftoverKind
    name: str
    reason: Why
    id: str = ""
    size: int = 0
    """In bytes, of what has a size."""

    @property
    def fate(self) -> Fate:
        """What becomes of it."""
        return _FATES.get(self.reason, Fate.KEEP)

    @property
    def key(self) -> str:
        """By what it is remembered from one look to the next."""
        return f"{self.kind} {self.name}"


def judge_leftovers(scope: ReapScope, seen: LeftoversSeen, now: datetime) -> tuple[Judgement, ...]:
    """Return what becomes of everything that was seen, by kind and name."""
    found = [
        *_stacks_in_review(scope, seen, now),
        *_change_sets(scope, seen, now),
        *(_log_group(scope, seen, one, now) for one in seen.log_groups),
        *_resources(scope, seen, now),
        *(_staged(seen, one, now) for one in seen.staged),
    ]
    possible = [_as_far_as_roles_go(scope, one) for one in found]
    return tuple(sorted(possible, key=lambda one: (one.kind, one.name)))


def _as_far_as_roles_go(scope: ReapScope, one: Judgement) -> Judgement:
    if scope.on_demand or one.fate is not Fate.DELETE or not scope.is_on_demand(one.name):
        return one
    return replace(one, reason=Why.NO_ROLES)


def _stacks_in_review(scope: ReapScope, seen: LeftoversSeen, now: datetime) -> Iterator[Judgement]:
    for stack in seen.stacks:
        if stack.status is StackStatus.REVIEW_IN_PROGRESS and not stack.is_nested:
            reason = _reason_of_review(scope, seen, stack, now)
            yield Judgement(LeftoverKind.STACK_IN_REVIEW, stack.name, reason, stack.stack_id)


def _reason_of_review(
    scope: ReapScope, seen: LeftoversSeen, stack: StackThere, now: datetime
) -> Why:
    """A stack in review has nothing in it but the change sets that were made for it."""
    if not scope.has(stack.name) or _is_of_others(scope, stack.tags):
        return Why.NOT_OURS
    if stack.name not in seen.released and stack.name != scope.check_stack:
        return Why.NO_RELEASE
    mine = [one for one in seen.change_sets if one.stack == stack.name]
    reasons = [_reason_of_change_set(seen, one, now) for one in mine]
    waiting = [one for one in reasons if _FATES.get(one) is Fate.LATER]
    if waiting:
        return waiting[0]
    newest = max([stack.created, *(one.created for one in mine)])
    return Why.HARDLY_MADE if now - newest < HARDLY_MADE else Why.NEVER_MADE


def _change_sets(scope: ReapScope, seen: LeftoversSeen, now: datetime) -> Iterator[Judgement]:
    """Those of a stack in review go with it."""
    stacks = {
        one.name: one
        for one in seen.stacks
        if one.status is not StackStatus.REVIEW_IN_PROGRESS and not one.is_nested
    }
    for one in seen.change_sets:
        stack = stacks.get(one.stack)
        if stack is None:
            continue
        is_ours = scope.has(stack.name) and _is_tagged(scope, stack.tags)
        is_ours = is_ours and _is_named_by_us(one.name)
        reason = _reason_of_change_set(seen, one, now) if is_ours else Why.NOT_OURS
        name = f"{one.stack}/{one.name}"
        yield Judgement(LeftoverKind.CHANGE_SET, name, reason, one.change_set_id)


def _is_named_by_us(change_set: str) -> bool:
    return attempted_release(change_set) is not None or is_shown_only(change_set)


def _reason_of_change_set(seen: LeftoversSeen, one: ChangeSetThere, now: datetime) -> Why:
    if one.is_at_work:
        return Why.AT_WORK
    release = attempted_release(one.name)
    if release is not None and (one.stack, release) in seen.open_releases:
        return Why.RUN_MAY_GO_ON if now - one.created < LATER_RUN else Why.RUN_DIED
    if now - one.created < HARDLY_MADE:
        return Why.HARDLY_MADE
    return Why.PLAN_SHOWN if is_shown_only(one.name) else Why.RELEASE_ENDED


def _log_group(
    scope: ReapScope, seen: LeftoversSeen, one: LogGroupThere, now: datetime
) -> Judgement:
    def judged(reason: Why) -> Judgement:
        return Judgement(LeftoverKind.LOG_GROUP, one.name, reason, one.name, one.size)

    function = one.name.removeprefix(FUNCTION_LOGS)
    if function == one.name or not scope.has(function):
        return judged(Why.NOT_OURS)
    if one.is_owned:
        return judged(Why.OWNED)
    if one.function_exists is None:
        return judged(Why.UNKNOWN)
    if one.function_exists:
        return judged(Why.FUNCTION_EXISTS)
    grace = _GRACE_ON_DEMAND if scope.is_on_demand(one.name) else _GRACE_OF_LOGS
    return _after(seen, judged(Why.FUNCTION_GONE), grace, now)


def _resources(scope: ReapScope, seen: LeftoversSeen, now: datetime) -> Iterator[Judgement]:
    """A function's log group is judged as such, by what is known of its function."""
    existing = {one.stack_id for one in seen.stacks}
    groups = {one.name for one in seen.log_groups}
    for one in seen.resources:
        kind, name = kind_of(one.arn)
        if kind is LeftoverKind.LOG_GROUP and name in groups:
            continue
        reason = _reason_of_resource(scope, existing, one)
        found = Judgement(kind, name, reason, one.arn)
        is_chosen = reason is Why.STACK_DESTROYED
        yield _after(seen, found, _GRACE_ON_DEMAND, now) if is_chosen else found


def _reason_of_resource(scope: ReapScope, existing: set[str], one: TaggedResource) -> Why:
    stack_id, stack = one.tags.get(STACK_ID_TAG, ""), one.tags.get(STACK_NAME_TAG, "")
    place = stack_id.split(":")
    is_here = len(place) > 5 and place[3:5] == [scope.region, scope.account]
    if not is_here or one.tags.get("tiercel:organization") != scope.organization:
        return Why.NOT_OURS
    if stack_id in existing:
        return Why.OWNED
    environment = one.tags.get("tiercel:environment")
    if environment == EPHEMERAL and stack.startswith(scope.ephemeral):
        kind, name = kind_of(one.arn)
        is_known = kind is not LeftoverKind.OTHER and scope.is_on_demand(name)
        return Why.STACK_DESTROYED if is_known else Why.NO_RULE
    if environment == scope.environment and stack.startswith(scope.permanent):
        return Why.OF_PERMANENT_STACK
    return Why.NOT_OURS


def kind_of(arn: str) -> tuple[LeftoverKind, str]:
    """Return of what kind a resource is that an ARN names, and its own name.

    https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    """
    parts = arn.split(":", 5)
    service, rest = (parts[2], parts[5]) if len(parts) == 6 else ("", arn)
    if service == "s3" and "/" not in rest:
        return LeftoverKind.BUCKET, rest
    if service == "sqs":
        return LeftoverKind.QUEUE, rest
    if service == "dynamodb" and re.fullmatch("table/[^/]+", rest):
        return LeftoverKind.TABLE, rest.removeprefix("table/")
    if service == "logs" and rest.startswith("log-group:"):
        return LeftoverKind.LOG_GROUP, rest.removeprefix("log-group:").removesuffix(":*")
    return LeftoverKind.OTHER, arn


def _staged(seen: LeftoversSeen, one: StagedObject, now: datetime) -> Judgement:
    if not _PACKAGE.fullmatch(one.key):
        reason = Why.NOT_OURS
    elif seen.needed is None:
        reason = Why.NEEDS_UNKNOWN
    elif one.key in seen.needed:
        reason = Why.NEEDED
    else:
        reason = Why.HARDLY_MADE if now - one.written < STAGED_FOR else Why.UNNEEDED
    return Judgement(LeftoverKind.STAGED_OBJECT, one.key, reason, one.key, one.size)


def _after(seen: LeftoversSeen, one: Judgement, grace: timedelta, now: datetime) -> Judgement:
    """Return the judgement, once the thing was seen like this for long enough.

    What AWS lists may be older than what it did last.
    """
    since = seen.first_seen.get(one.key)
    if since is not None and now - since >= grace:
        return one
    return replace(one, reason=Why.HARDLY_SEEN)


def _is_tagged(scope: ReapScope, tags: Mapping[str, str]) -> bool:
    known = (scope.environment, EPHEMERAL)
    is_of_scope = tags.get("tiercel:environment") in known
    return tags.get("tiercel:organization") == scope.organization and is_of_scope


def _is_of_others(scope: ReapScope, tags: Mapping[str, str]) -> bool:
    """A stack in review may have no tags yet; those of another organization tell whose it is."""
    return tags.get("tiercel:organization", scope.organization) != scope.organization


def next_memory(
    judgements: Iterable[Judgement], before: Mapping[str, datetime], now: datetime
) -> dict[str, datetime]:
    """Return since when each thing is seen without an owner, after one more look.

    What has an owner again, or is gone, begins anew should it ever come back.
    """
    waiting = (
        Why.HARDLY_SEEN,
        Why.FUNCTION_GONE,
        Why.STACK_DESTROYED,
    )
    return {one.key: before.get(one.key, now) for one in judgements if one.reason in waiting}
