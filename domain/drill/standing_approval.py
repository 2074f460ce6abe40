"""A standing approval: which drills may run without a person, as the worker's own file says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from tiercel.domain.base.errors import ConfigurationError, RefusedInputError
from tiercel.domain.base.values import Frozen
from tiercel.domain.configuration.toml_text import parse_toml
from tiercel.domain.drill.plan import DrillPlan
from tiercel.domain.organization.parts import AccountId, EnvironmentName

_Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._*-]{2,255}$")]


class StandingApproval(Frozen):
    """What may be deleted until it expires: stacks and data by pattern, `*` for any text.

    `bucket_names` are buckets that a template names and that may become anybody's.
    """

    by: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    environment: EnvironmentName
    accounts: Annotated[tuple[AccountId, ...], Field(min_length=1)]
    stacks: Annotated[tuple[_Pattern, ...], Field(min_length=1)]
    data: tuple[_Pattern, ...] = ()
    bucket_names: tuple[_Pattern, ...] = ()
    expires: AwareDatetime


class _File(Frozen):
    approvals: tuple[StandingApproval, ...] = ()


def parse_approvals(text: str, source: str) -> tuple[StandingApproval, ...]:
    """Return the approvals of a file, which are tables `[[approvals]]`.

    Raises ConfigurationError for one that cannot be read: then nothing is approved.
    """
    try:
        return _File.model_validate(parse_toml(text, source)).approvals
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            "drill.approval_unreadable",
            "the standing approval cannot be read",
            where=source,
            why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            state="nothing is approved, nothing was deleted",
            remedy="correct the file",
        ) from error


def approved_by(
    plan: DrillPlan, approvals: Sequence[StandingApproval], now: datetime
) -> StandingApproval | None:
    """Return the first approval within which the whole plan lies, None without one."""
    return next((one for one in approvals if not exceeded(plan, one, now)), None)


def exceeded(plan: DrillPlan, approval: StandingApproval, now: datetime) -> tuple[str, ...]:
    """Return by what a plan exceeds an approval, in words; nothing if it lies within."""
    return (*_exceeding(plan, approval, now), *_beyond_any(plan))


def _beyond_any(plan: DrillPlan) -> Iterator[str]:
    """Yield what takes a person whatever the worker's file says."""
    if plan.foundation:
        yield "no standing approval covers the account's own resources"


def _exceeding(plan: DrillPlan, approval: StandingApproval, now: datetime) -> Iterator[str]:
    if approval.environment != plan.environment:
        yield f"it is for {approval.environment}"
    if now >= approval.expires:
        yield f"it expired on {approval.expires:%Y-%m-%d %H:%M} UTC"
    if plan.account not in approval.accounts:
        yield f"account {plan.account} is not listed"
    for stack in plan.stacks:
        if not _fits(stack.name, approval.stacks):
            yield f"stack {stack.name} is not listed"
        for name in stack.given_up:
            if not _fits(name, approval.bucket_names):
                yield f"the name of bucket {name} is not listed"
    for held in plan.data:
        if not _fits(held.name, approval.data):
            yield f"{held.kind} {held.name} is not listed"


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def waiting_for_approval(
    plan: DrillPlan, approvals: Sequence[StandingApproval], now: datetime
) -> RefusedInputError:
    """Return how a drill ends that nobody has approved, and by what it exceeds each approval."""
    why = [
        f"the standing approval of {one.by}: {'; '.join(exceeded(plan, one, now))}"
        for one in approvals
    ]
    return RefusedInputError(
        "drill.waiting_for_approval",
        f"the drill of {plan.environment} waits for an approval",
        where=f"account {plan.account}",
        why="\n".join(why) or "there is no standing approval",
        state="nothing was deleted",
        remedy=f"read the plan, then run `tiercel rebuild {plan.environment} --approve "
        f"{plan.digest} --account ALIAS`; or widen the worker's standing approval",
    )
