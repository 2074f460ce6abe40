"""A promotion that waits: where it stands in the ledger, what ends it, and when it may go on.

It is made of records that are created once: what waits, that it has begun to be carried out, and
how it ended. Of a repository the newest counts alone: what waited before it was superseded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tiercel.domain.approvals.plans import (
    APPROVALS_PREFIX,
    PlannedService,
    PromotionPlan,
    WaitingPromotion,
    plan_differences,
)
from tiercel.domain.base.digests import short
from tiercel.domain.base.errors import RefusedInputError, SupersededError, WaitingError
from tiercel.domain.base.git_names import short_commit
from tiercel.domain.base.record import StoredRecord
from tiercel.domain.base.values import Frozen
from tiercel.domain.gates.results import Decision, GateResult
from tiercel.domain.organization.names import deployment_of
from tiercel.domain.release.ledger import Purpose, Release
from tiercel.domain.release.opened_gates import OpenedGate
from tiercel.domain.stack.plan import Plan
from tiercel.domain.triggers.triggered_runs import PROMOTION, AttemptStatus, WantedRun

WAITING_PREFIX = f"{APPROVALS_PREFIX}waiting/"
_KEY = re.compile(
    rf"{WAITING_PREFIX}(?P<repository>[^/]+/[^/]+)/(?P<number>[0-9]{{8}})"
    r"/(?P<part>asked|begun|ended)\.json"
)


class WaitEnding(StrEnum):
    """How a promotion that waited came to its end."""

    EXECUTED = "executed"
    SUPERSEDED = "superseded"
    CHANGED = "changed"
    """It was planned again, and something differs."""
    EXPIRED = "expired"
    DECLINED = "declined"


class WaitBegun(StoredRecord):
    """Written once, before anything is executed: on whose word, and which gates that `opened`."""

    format: Annotated[int, Field(strict=True, ge=1)] = 1

    at: datetime
    flow_run: str
    reason: str
    opened: tuple[OpenedGate, ...] = ()


class WaitEnd(StoredRecord):
    """Written once: how it ended, and why."""

    format: Annotated[int, Field(strict=True, ge=1)] = 1

    how: WaitEnding
    at: datetime
    flow_run: str
    reason: str


class OpenWait(Frozen):
    """The newest promotion of a repository that has not ended, with the plan that was shown.

    After an upgrade the plan may have another digest than was shown: no word counts for it then.
    """

    waiting: WaitingPromotion
    plan: PromotionPlan
    begun: WaitBegun | None = None

    @property
    def begun_until(self) -> datetime | None:
        """Until when it may go on, once begun: as long as there was for the word."""
        if self.begun is None:
            return None
        return self.begun.at + (self.waiting.expires_at - self.waiting.at)

    def goes_on(self, now: datetime) -> bool:
        """Tell whether it was begun, and may still be brought to its end on the word of then."""
        until = self.begun_until
        planned_alike = self.plan.digest == self.waiting.plan_digest
        return until is not None and planned_alike and now < until

    def has_shown(self, plan: PromotionPlan) -> bool:
        """Tell whether a plan is the one that waits, by the digest that was shown."""
        return self.plan.digest == self.waiting.plan_digest == plan.digest


def wait_prefix(repository: str) -> str:
    """Return the prefix of all that waits, or waited, of a repository."""
    return f"{WAITING_PREFIX}{repository}/"


def wait_key(repository: str, number: int, part: str) -> str:
    """Return the key of a part: `asked`, `begun` or `ended`."""
    return f"{wait_prefix(repository)}{number:08d}/{part}.json"


def newest_waits(keys: Iterable[str]) -> dict[str, tuple[int, frozenset[str]]]:
    """Return the newest number of each repository and which parts it has, given all keys."""
    found: dict[str, dict[int, set[str]]] = {}
    for key in keys:
        match = _KEY.fullmatch(key)
        if match:
            numbers = found.setdefault(match["repository"], {})
            numbers.setdefault(int(match["number"]), set()).add(match["part"])
    return {
        repository: (number := max(numbers), frozenset(numbers[number]))
        for repository, numbers in found.items()
    }


def is_open(parts: Collection[str]) -> bool:
    """Tell whether a promotion still waits, or is being carried out."""
    return "ended" not in parts


def is_begun(planned: PlannedService, commit: str, newest: Release | None) -> bool:
    """Tell whether the newest release of a stack is the one that a plan led to.

    It may be open: its run was killed and it is taken up again. One that failed is begun anew,
    under the eyes of who reads its plan.
    """
    if newest is None or newest.intent.number <= planned.live:
        return False
    intent = newest.intent
    failed = newest.outcome is not None and not newest.outcome.deployed
    same = intent.artifact_digest == planned.artifact_digest and intent.commit == commit
    return same and intent.purpose is Purpose.PROMOTION and not failed


def state_of_refused(found: OpenWait, newest: Iterable[Release | None]) -> str:
    """Return, for people, what was done of a promotion that words refuse.

    `newest` are the newest releases of the stacks of its plan.
    """
    environment, commit = found.waiting.environment, found.waiting.commit
    if found.begun is None:
        return f"nothing was changed in {environment}"
    shown = [(one, found.plan.of_stack(one.intent.stack)) for one in newest if one and one.outcome]
    released = [
        one.intent.stack for one, planned in shown if planned and is_begun(planned, commit, one)
    ]
    return (
        f"nothing more is changed in {environment}; it was begun, and released "
        f"{', '.join(released) or 'no stack'}; `tiercel releases {environment}` shows what is open"
    )


def what_differs(found: OpenWait | None, now: PromotionPlan) -> tuple[str, ...]:
    """Return why a plan needs a word of its own; nothing if it is the one that was shown."""
    if found is None:
        return ("nothing was shown yet",)
    if found.has_shown(now):
        return ()
    if found.plan.digest != found.waiting.plan_digest:
        return ("another version of Tiercel planned what was shown",)
    return plan_differences(found.plan, now) or ("its digest is another",)


def require_as_shown(shown: PlannedService | None, plan: Plan, configuration: str) -> None:
    """Raise RefusedInputError unless a change set is what was shown of the stack.

    Of one that was known by its template only the changes cannot be compared. `configuration` is
    the digest of the parameters.
    """
    if shown is None:
        why = "it was not in the plan"
    elif plan.template_sha256 != shown.template_sha256:
        why = "its template is another"
    elif not shown.follows and configuration != shown.configuration_digest:
        why = "the values of its parameters are others"
    elif not shown.follows and _changes(plan) != _changes_of(shown):
        why = "its changes are others"
    else:
        return
    raise RefusedInputError(
        "promotion.not_as_shown",
        f"what would be done to {plan.stack} is not what was shown",
        where=f"stack {plan.stack}",
        why=why,
        state="this stack stays as it is; stacks that it depends on may have been released",
        remedy="promote it again: it is planned again and waits for a word on that",
    )


def _changes(plan: Plan) -> set[tuple[object, ...]]:
    return {_told(**one.model_dump()) for one in plan.changes}


def _changes_of(shown: PlannedService) -> set[tuple[object, ...]]:
    return {_told(**one.model_dump()) for one in shown.changes}


def _told(**change: object) -> tuple[object, ...]:
    return tuple(str(value) for _, value in sorted(change.items()))


def waiting_error(
    waiting: WaitingPromotion,
    closed: Collection[GateResult],
    reasons: Iterable[str] = (),
    overridable: Collection[str] = (),
) -> WaitingError:
    """Return how a promotion ends that waits: for what, for how long, and what to type.

    `closed` are the gates that let it wait, of which an approver may open what is `overridable`;
    `reasons` tell why it needs a word of its own.
    """
    options = "".join(
        f"; `--override {one.gate}` opens {one.gate}, too"
        for one in closed
        if one.gate in overridable
    )
    why = [*reasons, *(f"{one.gate}: {one.words}: {one.reason}" for one in closed)]
    return WaitingError(
        "promotion.waiting",
        f"the promotion of {short_commit(waiting.commit)} to {waiting.environment} waits for "
        "approval",
        where=f"{waiting.repository}, plan {short(waiting.plan_digest)}",
        why="\n".join(why),
        state=f"nothing was changed in {waiting.environment}; it waits until "
        f"{waiting.expires_at:%Y-%m-%d %H:%M} UTC, and nothing is held meanwhile",
        remedy=how_to_approve(waiting) + options,
    )


def how_to_approve(waiting: WaitingPromotion) -> str:
    """Return how somebody gives his word, for people; the whole digest is in it once."""
    typed = f"`tiercel approve {waiting.environment} {waiting.plan_digest} --reason ...`"
    if waiting.pull_request is None:
        return f"read the plan, then {typed}"
    return (
        f"read the plan, then {typed}, or approve pull request #{waiting.pull_request} in a review "
        "whose text has that digest, whole"
    )


def refused_by_word(waiting: WaitingPromotion, result: GateResult, state: str) -> RefusedInputError:
    """Return how a promotion ends that was declined, or that nobody approved in time."""
    return RefusedInputError(
        "promotion.not_approved",
        f"the promotion of {short_commit(waiting.commit)} to {waiting.environment} was not "
        "approved",
        where=f"{waiting.repository}, plan {short(waiting.plan_digest)}",
        why=result.reason,
        state=state,
        remedy=result.remedy or "promote it again: it is planned again and waits for another word",
    )


def newer_waits(waiting: WaitingPromotion, commit: str) -> SupersededError:
    """Return how a promotion ends whose commit a newer one has, which waits already."""
    return SupersededError(
        "promotion.newer_waits",
        f"a newer promotion to {waiting.environment} waits already",
        where=waiting.repository,
        why=f"commit {short_commit(waiting.commit)} contains {short_commit(commit)}",
        state="nothing was changed",
        remedy=f"{how_to_approve(waiting)}; `tiercel decline {waiting.environment} "
        f"{waiting.plan_digest} --reason ...` makes room for this commit",
    )


class NextStep(StrEnum):
    """What a promotion does that has been planned."""

    GO_ON = "go on"
    """Nothing would be changed, or it was begun on a word: no further word is asked for."""
    ASK = "ask"
    """It waits already, for a word on this very plan: the gate says whether that has come."""
    WAIT = "wait"
    """It waits from now on, in the place of what waited before."""


def next_step(found: OpenWait | None, plan: PromotionPlan, now: datetime) -> NextStep:
    """Return what comes next, given what waits and what was planned now."""
    if found is not None and found.has_shown(plan):
        return NextStep.GO_ON if found.goes_on(now) else NextStep.ASK
    return NextStep.GO_ON if plan.changes_nothing else NextStep.WAIT


def end_of_replaced(found: OpenWait, plan: PromotionPlan) -> WaitEnding:
    """Return how what waited ends when another plan takes its place."""
    return WaitEnding.CHANGED if found.waiting.commit == plan.commit else WaitEnding.SUPERSEDED


def end_of_refused(found: OpenWait, now: datetime) -> WaitEnding:
    """Return how a promotion ends that the gate of approvals refuses."""
    until = found.begun_until or found.waiting.expires_at
    return WaitEnding.EXPIRED if now >= until else WaitEnding.DECLINED


def is_due(
    said: GateResult, others: Iterable[GateResult], last: AttemptStatus | None = None
) -> bool:
    """Tell whether another run has something to do, given what the gate of approvals says.

    One that refuses is asked for, too: that run writes down how the promotion ended. `last` is how
    the newest run stands of one that is begun: a run that lives hears a decline by itself, and what
    a person has cancelled nobody else begins again.
    """
    if last is AttemptStatus.LIVE:
        return False
    if said.decision is Decision.REFUSE:
        return True
    if last is AttemptStatus.CANCELLED:
        return False
    return all(one.decision is Decision.ALLOW for one in (said, *others))


def next_run(waiting: WaitingPromotion, said: GateResult) -> WantedRun:
    """Return the run that goes on with what waits: one for each thing that approvers say.

    One that found another gate closed, and ended as waiting, gives way to the next: all are open.
    """
    return WantedRun(
        deployment=deployment_of(PROMOTION, waiting.environment),
        environment=waiting.environment,
        parameters={"repository": waiting.repository, "commit": waiting.commit},
        subject=("word", waiting.plan_digest, str(waiting.number), said.reason),
        goes_on=True,
    )
