"""The append-only history of releases: what is written, where, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tiercel.domain.base.digests import (
    NO_PLAN,
    ArtifactDigest,
    ArtifactId,
    ConfigurationDigest,
    PlanDigest,
    Sha256,
    digest_of,
)
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.base.failure import Failure
from tiercel.domain.base.record import FIRST_FORMAT, StoredRecord
from tiercel.domain.base.values import Frozen
from tiercel.domain.organization.services import SmokeTest, StackSeed
from tiercel.domain.release.opened_gates import OpenedGate
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.stack.tokens import release_of
from tiercel.domain.traffic.shifts import Shift

_KEY = re.compile(
    r"ledger/(?P<stack>[A-Za-z][A-Za-z0-9-]*)/(?P<number>[0-9]{8})"
    r"/(?:intent|outcome|rejection)\.json"
)


class ReleaseStatus(StrEnum):
    """What became of a release."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Purpose(StrEnum):
    """What a release is for."""

    DEPLOY = "deploy"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    DRILL = "drill"
    EPHEMERAL = "ephemeral"
    CANDIDATE = "candidate"
    """To verify what a hotfix or release branch brings; nobody means it to stay."""
    RESTORATION = "restoration"
    """What a candidate took the place of is brought back."""


class VerifiedIn(BaseModel):
    """The release that verified an artifact: where it was tested, and as what."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stack: str
    number: int
    purpose: str
    commit: str
    branch: str = ""

    @property
    def words(self) -> str:
        """Where and how, for people."""
        place = f"{self.stack} release {self.number}"
        if self.purpose != Purpose.CANDIDATE:
            return place
        return f"{place}, as a candidate of {self.branch}"


class Intent(StoredRecord):
    """Written before the first call that changes a stack. Its number is the release id.

    It has everything that it takes to release the same again without the repository.
    `restores` is the number of the release that a rollback, a restoration or a drill brings back. A
    candidate has the `branch` that its commit was found on, a promotion what it was `verified_in`
    and the gates that somebody `opened` for it.
    """

    ADDED: ClassVar[Mapping[str, int]] = {"branch": 3, "verified_in": 3}

    format: Annotated[int, Field(strict=True, ge=FIRST_FORMAT)] = 3

    stack: str
    number: Annotated[int, Field(ge=1, le=99_999_999)]
    service: str
    environment: str
    repository: str
    commit: str
    artifact_id: ArtifactId
    artifact_digest: ArtifactDigest
    template_sha256: Sha256
    parameters: dict[str, str]
    requested_by: str
    flow_run: str
    at: datetime
    purpose: Purpose = Purpose.DEPLOY
    restores: int | None = None
    smoke_test: SmokeTest | None = None
    seed: StackSeed | None = None
    flow_run_url: str = ""
    branch: str = ""
    verified_in: VerifiedIn | None = None
    opened: tuple[OpenedGate, ...] = ()

    @property
    def configuration_digest(self) -> ConfigurationDigest:
        """The SHA-256 of the parameters with which the artifact is deployed."""
        return ConfigurationDigest(digest_of(self.parameters))

    @property
    def business_key(self) -> tuple[str, ArtifactDigest, ConfigurationDigest]:
        """Two runs with the same key want the same thing."""
        return self.stack, self.artifact_digest, self.configuration_digest


class Outcome(StoredRecord):
    """Written once, when a release has ended. Seconds are wall-clock time, `durations` by step.

    `stack_token` is the client token of the newest operation on the stack at that time.
    `deployed` tells whether the stack runs the release, as it does after a success and
    after a smoke test that failed. `message` is the text of `failure`; entries of versions
    before 0.2 have it alone. `traffic` is what CodeDeploy shifted, each with the way back if it
    was taken.
    """

    status: ReleaseStatus
    deployed: bool
    at: datetime
    seconds: float
    stack_id: str = ""
    stack_token: str = ""
    plan_digest: PlanDigest = NO_PLAN
    change_set: str = ""
    durations: dict[str, float] = Field(default_factory=dict)
    message: str = ""
    failure: Failure | None = None
    outputs: dict[str, str] = Field(default_factory=dict)
    smoke_test: str = ""
    traffic: tuple[Shift, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _told_by_its_status(cls, data: Any) -> Any:
        """The first entries of 0.1.0 say nothing of `deployed`: what succeeded was."""
        if isinstance(data, dict) and "deployed" not in data:
            return data | {"deployed": data.get("status") == ReleaseStatus.SUCCEEDED}
        return data


class Rejection(StoredRecord):
    """Written once, when a person rules a release out for good."""

    by: str
    reason: str
    at: datetime


class Release(Frozen):
    """One numbered entry of the ledger."""

    intent: Intent
    outcome: Outcome | None = None
    rejection: Rejection | None = None

    @property
    def status(self) -> ReleaseStatus:
        """Open until an outcome is written."""
        return self.outcome.status if self.outcome else ReleaseStatus.OPEN


def as_called_now(release: Release, current_name: Callable[[str], str]) -> Release:
    """Return a release as that of its repository by the name which that has now."""
    intent = release.intent
    now = {"repository": current_name(intent.repository)}
    return release.model_copy(update={"intent": intent.model_copy(update=now)})


def intent_key(stack: str, number: int) -> str:
    """Return the key under which an intent is created, once."""
    return f"{stack_prefix(stack)}{number:08d}/intent.json"


def outcome_key(stack: str, number: int) -> str:
    """Return the key under which an outcome is created, once."""
    return f"{stack_prefix(stack)}{number:08d}/outcome.json"


def rejection_key(stack: str, number: int) -> str:
    """Return the key under which a rejection is created, once."""
    return f"{stack_prefix(stack)}{number:08d}/rejection.json"


def stack_prefix(stack: str) -> str:
    """Return the prefix of all entries of one stack."""
    return f"ledger/{stack}/"


def entries_of(keys: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the numbers of each stack's releases in ascending order, given all keys.

    A number counts as taken by any part of an entry: one whose intent was removed is damaged.
    """
    numbers: dict[str, set[int]] = {}
    for key in keys:
        match = _KEY.fullmatch(key)
        if match:
            numbers.setdefault(match["stack"], set()).add(int(match["number"]))
    return {stack: tuple(sorted(found)) for stack, found in sorted(numbers.items())}


def owner_refusal(
    latest: Release | None, wanted: Intent, *, stack_exists: bool
) -> RefusedInputError | None:
    """Return the error if the stack belongs to another repository.

    Stacks are named after services, so two repositories with a service of the same
    name would take turns at replacing each other's stack.
    """
    if latest is None or not stack_exists or latest.intent.repository == wanted.repository:
        return None
    return RefusedInputError(
        "release.stack_of_other_repository",
        f"stack {wanted.stack} belongs to another repository",
        where=f"service {wanted.service} of {wanted.repository}",
        why=f"its release {latest.intent.number} came from {latest.intent.repository}",
        state="nothing was changed",
        remedy=f"give the service another name in the tiercel.toml of {wanted.repository}",
    )


def maker_refusal(
    latest: Release | None,
    wanted: Intent,
    status: StackStatus,
    tags: Mapping[str, str],
    expected: Mapping[str, str],
) -> RefusedInputError | None:
    """Return the error if a stack without releases was not made by Tiercel for the service.

    A first release would turn a stack that somebody made in another way into the service's, and
    remove all its resources. A stack whose ledger was lost has the `expected` tags, and one under
    review has no resources.
    """
    if latest or status is StackStatus.REVIEW_IN_PROGRESS or expected.items() <= tags.items():
        return None
    named = ", ".join(f"{key}={value}" for key, value in expected.items())
    return RefusedInputError(
        "release.stack_not_ours",
        f"stack {wanted.stack} was not made by Tiercel",
        where=f"service {wanted.service} of {wanted.repository}",
        why=f"the ledger has no release of it, and it has not the tags {named}",
        state="nothing was changed",
        remedy="give the service another name in its tiercel.toml; or, if the service is to take "
        "the stack over, and what its template lacks may be removed, give the stack those tags "
        "and run it again",
    )


def running_release(history: Iterable[Release]) -> Release | None:
    """Return the release that a stack runs, given its history, the newest first."""
    return next((one for one in history if one.outcome and one.outcome.deployed), None)


def rejected_artifacts(releases: Iterable[Release]) -> dict[ArtifactId, Rejection]:
    """Return the ids of the artifacts of which a release was ruled out for good, and by whom."""
    return {one.intent.artifact_id: one.rejection for one in releases if one.rejection}


def next_number(latest: Release | None, stack_token: str) -> int:
    """Return the number of the next release.

    A ledger that was restored may lack the newest releases, which the stack's newest operation
    tells: a number that was used already would be taken for done.
    """
    used = release_of(stack_token)
    return max(latest.intent.number if latest else 0, used[0] if used else 0) + 1


def is_behind(latest: Release | None, stack_token: str) -> bool:
    """Tell whether the stack's newest operation is of a later release than the newest known."""
    used = release_of(stack_token)
    return used is not None and used[0] > (latest.intent.number if latest else 0)


def is_candidate(intent: Intent) -> bool:
    """Tell whether a release is there to be verified, and is taken back afterwards."""
    return intent.purpose is Purpose.CANDIDATE


def _is_of_one_kind(one: Intent, other: Intent) -> bool:
    """A candidate never stands for what is there to stay, although its bytes may be the same."""
    return is_candidate(one) == is_candidate(other)


def is_recorded(latest: Release | None, wanted: Intent) -> bool:
    """Tell whether the newest release has the same artifact and parameters, and succeeded."""
    return (
        latest is not None
        and latest.status is ReleaseStatus.SUCCEEDED
        and latest.intent.business_key == wanted.business_key
    )


def already_live(latest: Release | None, wanted: Intent, stack_token: str) -> bool:
    """Tell whether the stack already is what is wanted.

    True only if the newest release has the same artifact and parameters, succeeded, and
    nothing has touched the stack since: its newest operation is still the recorded one.
    """
    return (
        latest is not None
        and latest.outcome is not None
        and is_recorded(latest, wanted)
        and _is_of_one_kind(latest.intent, wanted)
        and latest.outcome.stack_token == stack_token
    )


def resumable(latest: Release | None, wanted: Intent) -> bool:
    """Tell whether an earlier run wanted the same and did not come to its end.

    Its own smoke test and seed would be run: whoever has corrected one gets another release.
    """
    return (
        latest is not None
        and latest.status is ReleaseStatus.OPEN
        and latest.intent.business_key == wanted.business_key
        and latest.intent.smoke_test == wanted.smoke_test
        and latest.intent.seed == wanted.seed
        and _is_of_one_kind(latest.intent, wanted)
    )
