"""What a promotion would do, as it is shown to people, and the promotion that waits for their word.

A word is bound to the digest of the plan. That is made of what is done and of what it is done to,
and of nothing that varies by run or by time: to plan the same again gives the same digest. It tells
which release each stack runs before, so that what was approved once, and taken back since, is
another plan when it is wanted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from tiercel.domain.base.digests import (
    ArtifactDigest,
    ArtifactId,
    ConfigurationDigest,
    PlanDigest,
    Sha256,
    digest_of,
    short,
)
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.stack.plan import Change

APPROVALS_PREFIX = "approvals/"
PLAN_FORMAT = 1
"""Of a kept plan. Whoever changes what its digest is made of raises it."""
_Number = Annotated[int, Field(ge=1, le=99_999_999)]


class _Kept(BaseModel):
    """A part of a record; what a newer Tiercel adds to it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PlannedChange(Change):
    """A change of a plan that is kept."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @property
    def told(self) -> list[Any]:
        """What the digest is made of."""
        return [
            self.path,
            self.action,
            self.resource_type,
            self.replacement,
            list(self.properties),
            self.policy_action,
        ]


class PlannedService(_Kept):
    """What becomes of one service's stack.

    `live` is the number of the release that the stack runs before, 0 if it runs none. `changes`
    are those of CloudFormation's change set. One that `follows` is known by its template only:
    its parameters are outputs of a stack that this very promotion changes, and its changes are
    read from the templates' text. `unchanged` tells that nothing is executed.
    """

    service: str
    stack: str
    live: int
    artifact_id: ArtifactId
    artifact_digest: ArtifactDigest
    template_sha256: Sha256
    configuration_digest: ConfigurationDigest
    changes: tuple[PlannedChange, ...] = ()
    follows: bool = False
    unchanged: bool = False

    @field_validator("changes")
    @classmethod
    def _in_one_order(cls, changes: tuple[PlannedChange, ...]) -> tuple[PlannedChange, ...]:
        return tuple(sorted(changes, key=lambda one: one.told))

    @property
    def permission_changes(self) -> tuple[PlannedChange, ...]:
        """The changes that decide who may do what."""
        return tuple(change for change in self.changes if change.changes_permissions)

    @property
    def told(self) -> list[Any]:
        """What the digest is made of. What a later Tiercel adds comes behind, where it is told."""
        return [
            self.service,
            self.stack,
            self.live,
            self.artifact_id,
            self.artifact_digest,
            self.template_sha256,
            self.configuration_digest,
            [one.told for one in self.changes],
            self.follows,
            self.unchanged,
        ]


class PromotionPlan(StoredRecord):
    """All that a promotion of a commit would do, service by service in the order of their names."""

    format: Annotated[int, Field(strict=True, ge=1)] = PLAN_FORMAT

    environment: str
    repository: str
    commit: str
    services: tuple[PlannedService, ...]

    @field_validator("services")
    @classmethod
    def _in_one_order(cls, services: tuple[PlannedService, ...]) -> tuple[PlannedService, ...]:
        return tuple(sorted(services, key=lambda one: one.service))

    @property
    def digest(self) -> PlanDigest:
        """What a word is bound to; values of parameters are in it as a digest only.

        It outlives an upgrade of the worker: what it is made of is written down, key by key.
        """
        services = [one.told for one in self.services]
        told = [self.environment, self.repository, self.commit, services]
        return PlanDigest(digest_of(told))

    @property
    def changes_nothing(self) -> bool:
        """Whether every stack is as it is wanted."""
        return all(one.unchanged for one in self.services)

    def of_stack(self, stack: str) -> PlannedService | None:
        """Return what is planned for a stack, None if nothing is."""
        return next((one for one in self.services if one.stack == stack), None)


def is_damaged(kept: PromotionPlan, digest: str, known: int = PLAN_FORMAT) -> bool:
    """Tell whether a kept plan is not what its digest says, though this Tiercel makes it alike.

    One of an earlier format than the `known` one may have a digest that is made of something else:
    it is no plan that a word counts for any more, but nobody has touched it.
    """
    return kept.digest != digest and kept.format >= known


def promotion_plan_key(digest: str) -> str:
    """Return the key under which a plan is created, once."""
    return f"{APPROVALS_PREFIX}plans/{digest}.json"


class AskedBy(_Kept):
    """Who asked for a promotion, as GitHub or AWS vouches for it; empty where that cannot tell.

    `github` is the numeric id of who opened the release pull request, or started the promotion in
    GitHub Actions; `principal` the ARN of who started it from a machine of his own.
    """

    github: int | None = None
    principal: str = ""
    name: str = ""
    """For people; nothing is decided by it."""


class WaitingPromotion(StoredRecord):
    """A promotion whose plan waits for somebody's word, created once under the next number.

    `authors` are the GitHub ids of who opened or pushed to the pull requests in it; `all_authors`
    tells that all of these were looked up. `head_commit` is that of `pull_request`, the release
    pull request that brought the commit; without one nobody can give his word on GitHub.
    """

    format: Annotated[int, Field(strict=True, ge=1)] = 1

    number: _Number
    environment: str
    repository: str
    commit: str
    plan_digest: PlanDigest
    asked_by: AskedBy
    authors: frozenset[int] = frozenset()
    all_authors: bool = True
    pull_request: int | None = None
    head_commit: str = ""
    at: datetime
    expires_at: datetime
    flow_run: str = ""

    @field_serializer("authors")
    def _in_one_order(self, authors: frozenset[int]) -> list[int]:
        return sorted(authors)


class PostedPlan(StoredRecord):
    """Written once: the digest that was shown on a pull request, and on which head of it."""

    format: Annotated[int, Field(strict=True, ge=1)] = 1

    plan_digest: PlanDigest
    repository: str
    pull_request: int
    head_commit: str
    at: datetime


def posted_key(digest: str) -> str:
    """Return the key under which it is kept that a plan was shown on its pull request."""
    return f"{APPROVALS_PREFIX}posted/{digest}.json"


def plan_differences(shown: PromotionPlan, now: PromotionPlan) -> tuple[str, ...]:
    """Return in words what a plan has that differs from the one that was shown; no value."""
    if (shown.environment, shown.repository) != (now.environment, now.repository):
        return ("it is a plan of another environment or repository",)
    return tuple(_differences(shown, now))


def _differences(shown: PromotionPlan, now: PromotionPlan) -> Iterator[str]:
    if shown.commit != now.commit:
        yield f"commit {shown.commit[:12]} became {now.commit[:12]}"
    before = {one.service: one for one in shown.services}
    after = {one.service: one for one in now.services}
    for name in sorted({*before, *after}):
        if name not in after:
            yield f"{name} is gone"
        elif name not in before:
            yield f"{name} is new"
        else:
            yield from _of_service(before[name], after[name])


def _of_service(before: PlannedService, after: PlannedService) -> Iterator[str]:
    name = before.service
    if before.stack != after.stack:
        yield f"{name}: its stack is {after.stack}, and was {before.stack}"
    if before.live != after.live:
        yield f"{name}: its stack runs release {after.live} by now, and ran {before.live}"
    if before.artifact_id != after.artifact_id or before.artifact_digest != after.artifact_digest:
        was, became = short(before.artifact_digest), short(after.artifact_digest)
        yield f"{name}: artifact {was} became {became}"
    if before.template_sha256 != after.template_sha256:
        yield f"{name}: its template is another"
    if before.configuration_digest != after.configuration_digest:
        yield f"{name}: the values of its parameters are others"
    if before.follows != after.follows:
        yield f"{name}: it {'follows' if after.follows else 'no longer follows'} from other stacks"
    yield from _of_changes(name, before.changes, after.changes)
    if before.unchanged != after.unchanged:
        yield f"{name}: {'nothing' if after.unchanged else 'something'} is executed by now"


def _of_changes(
    name: str, before: Iterable[PlannedChange], after: Iterable[PlannedChange]
) -> Iterator[str]:
    was, became = set(before), set(after)
    for change in sorted(became - was, key=lambda one: one.path):
        yield f"{name}: {change.action} {change.path} was not shown like this"
    for change in sorted(was - became, key=lambda one: one.path):
        yield f"{name}: {change.action} {change.path} was shown, and is not planned any more"
