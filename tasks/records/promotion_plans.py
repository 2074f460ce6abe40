"""Plans of promotions in the environment's own ledger, and which of them wait for a word."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from tiercel.domain.approvals.found_waits import UnreadableWait, WaitsFound
from tiercel.domain.approvals.plans import (
    PostedPlan,
    PromotionPlan,
    WaitingPromotion,
    is_damaged,
    posted_key,
    promotion_plan_key,
)
from tiercel.domain.approvals.waiting import (
    WAITING_PREFIX,
    OpenWait,
    WaitBegun,
    WaitEnd,
    WaitEnding,
    is_open,
    newest_waits,
    wait_key,
    wait_prefix,
)
from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.errors import ArtifactConflictError, RefusedInputError
from tiercel.domain.base.record import R, StoredRecord, read_stored
from tiercel.domain.organization.access import Records
from tiercel.tasks.aws.objects import create_object, list_keys, read_object
from tiercel.tasks.engine.task import world_task


@world_task("read waiting promotion", "read waiting promotion of {repository}")
def read_open_wait(records: Records, repository: str) -> OpenWait | None:
    """Return what waits of a repository, None if nothing does.

    Raises RefusedInputError for a record that cannot be read, or a plan of another digest.
    """
    keys = list_keys(records.access, records.bucket, wait_prefix(repository))
    found = newest_waits(keys).get(repository)
    if found is None or not is_open(found[1]):
        return None
    return _open_wait(records, repository, *found)


@world_task("read waiting promotions")
def read_open_waits(records: Records) -> WaitsFound:
    """Return what waits in an environment, of all repositories."""
    keys = list_keys(records.access, records.bucket, WAITING_PREFIX)
    readable, unreadable = [], []
    for repository, (number, parts) in sorted(newest_waits(keys).items()):
        if not is_open(parts):
            continue
        try:
            readable.append(_open_wait(records, repository, number, parts))
        except RefusedInputError as error:
            unreadable.append(UnreadableWait(repository, error.failure))
    return WaitsFound(tuple(readable), tuple(unreadable))


@world_task("record waiting promotion", "record waiting promotion of {waiting.repository}")
def record_wait(records: Records, plan: PromotionPlan, waiting: WaitingPromotion) -> OpenWait:
    """Write a plan and let it wait under the next number; of two at once the later one counts.

    Another run that has let the same plan wait meanwhile is joined.
    """
    _write(records, promotion_plan_key(plan.digest), plan)
    repository = waiting.repository
    while True:
        keys = list_keys(records.access, records.bucket, wait_prefix(repository))
        number, parts = newest_waits(keys).get(repository, (0, frozenset()))
        if number and is_open(parts):
            there = _open_wait(records, repository, number, parts)
            if there.has_shown(plan):
                return there
        numbered = waiting.model_copy(update={"number": number + 1})
        try:
            _write(records, wait_key(repository, numbered.number, "asked"), numbered)
        except ArtifactConflictError:
            continue
        return OpenWait(waiting=numbered, plan=plan)


@world_task("record begin of promotion", "record begin of promotion of {found.waiting.repository}")
def record_begin(records: Records, found: OpenWait, begun: WaitBegun) -> None:
    """Write that a promotion is carried out from now on; whoever was faster has written it."""
    waiting = found.waiting
    _write_once(records, wait_key(waiting.repository, waiting.number, "begun"), begun)


@world_task("record end of wait", "record end of wait of {waiting.repository}: {how}")
def record_wait_end(
    records: Records, waiting: WaitingPromotion, how: WaitEnding, reason: str, flow_run: str
) -> None:
    """Write how a promotion that waited has ended; an end that was written before stays."""
    ended = WaitEnd(how=how, at=datetime.now(UTC), flow_run=flow_run, reason=reason)
    _write_once(records, wait_key(waiting.repository, waiting.number, "ended"), ended)


@world_task("record posted plan", "record posted plan on #{posted.pull_request}")
def record_posted_plan(records: Records, posted: PostedPlan) -> None:
    """Write that a digest stands on a pull request; the first time counts."""
    _write_once(records, posted_key(posted.plan_digest), posted)


@world_task("read posted plan")
def read_posted_plan(records: Records, digest: str) -> PostedPlan | None:
    """Return on which pull request and head a plan was shown, None if on none."""
    return _read(records, posted_key(digest), PostedPlan)


@world_task("read promotion plan")
def read_promotion_plan(records: Records, digest: str) -> PromotionPlan | None:
    """Return the plan of a digest, None if none was shown.

    Raises RefusedInputError for one that is not what its digest says, unless an earlier Tiercel
    may have made that of something else.
    """
    plan = _read(records, promotion_plan_key(digest), PromotionPlan)
    if plan is not None and is_damaged(plan, digest):
        where = f"s3://{records.bucket}/{promotion_plan_key(digest)}"
        raise _damaged(where, f"its digest is {plan.digest}")
    return plan


def _open_wait(records: Records, repository: str, number: int, parts: frozenset[str]) -> OpenWait:
    waiting = _needed(records, wait_key(repository, number, "asked"), WaitingPromotion)
    plan = read_promotion_plan.fn(records, waiting.plan_digest)
    if plan is None:
        where = f"s3://{records.bucket}/{promotion_plan_key(waiting.plan_digest)}"
        raise _damaged(where, "there is no plan of this digest")
    begun = None
    if "begun" in parts:
        begun = _needed(records, wait_key(repository, number, "begun"), WaitBegun)
    return OpenWait(waiting=waiting, plan=plan, begun=begun)


def _write(records: Records, key: str, record: StoredRecord) -> None:
    body = canonical_json(record.model_dump(mode="json"))
    create_object(records.access, records.bucket, key, body)


def _write_once(records: Records, key: str, record: StoredRecord) -> None:
    try:
        _write(records, key, record)
    except ArtifactConflictError:
        return


def _needed(records: Records, key: str, kind: type[R]) -> R:
    found = _read(records, key, kind)
    if found is None:
        raise _damaged(f"s3://{records.bucket}/{key}", "there is no such object")
    return found


def _read(records: Records, key: str, kind: type[R]) -> R | None:
    where = f"s3://{records.bucket}/{key}"
    body = read_object(records.access, records.bucket, key)
    if body is None:
        return None
    try:
        return read_stored(kind, body, where)
    except ValidationError as error:
        raise _damaged(where, str(error)) from error


def _damaged(where: str, why: str) -> RefusedInputError:
    return RefusedInputError(
        "promotion.wait_damaged",
        "what waits for a word cannot be read",
        where=where,
        why=why,
        state="nothing was changed",
        remedy="an administrator removes the newer versions of the object, for which the policy "
        "of the bucket has to be taken off and provisioned again; the first one is Tiercel's",
    )
