"""Plans and what waits in the ledger: created once, the newest counts, nothing is written over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.codes import because
from tests.support.promotion_plans import plan, planned, waiting
from tests.tasks import aws_fixtures
from tiercel.domain.approvals.plans import PromotionPlan, promotion_plan_key
from tiercel.domain.approvals.waiting import WaitBegun, WaitEnding, wait_key
from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.records.promotion_plans import (
    read_open_wait,
    read_open_waits,
    read_promotion_plan,
    record_begin,
    record_wait,
    record_wait_end,
)

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")
NOW = datetime.now(UTC)


@pytest.fixture
def records(infrastructure: Access, preprod: Names) -> Records:
    return Records(infrastructure, preprod.artifact_bucket)


def shown(repository: str, **given: Any) -> PromotionPlan:
    return plan(planned(**given), repository=repository)


def waits(records: Records, one: PromotionPlan) -> Any:
    asked = waiting(one, repository=one.repository, at=NOW, expires_at=NOW + timedelta(hours=1))
    return record_wait.fn(records, one, asked)


def test_what_waits_is_found_until_it_has_ended_and_the_next_gets_a_number_of_its_own(
    records: Records,
) -> None:
    first, second = shown("acme/waits"), shown("acme/waits", live=9)
    assert read_open_wait.fn(records, "acme/waits") is None
    found = waits(records, first)
    assert (found.waiting.number, found.begun) == (1, None)
    # Another run that plans the same joins it, whoever asked there.
    assert waits(records, first) == found
    assert read_open_wait.fn(records, "acme/waits") == found

    record_begin.fn(records, found, WaitBegun(at=NOW, flow_run="run", reason="approved"))
    record_begin.fn(records, found, WaitBegun(at=NOW, flow_run="later", reason="approved"))
    begun = read_open_wait.fn(records, "acme/waits")
    assert begun
    assert begun.begun
    assert begun.begun.flow_run == "run"

    newer = waits(records, second)
    record_wait_end.fn(records, found.waiting, WaitEnding.CHANGED, "another plan", "run")
    assert newer.waiting.number == 2
    assert read_open_wait.fn(records, "acme/waits") == newer
    assert newer in read_open_waits.fn(records).readable
    record_wait_end.fn(records, newer.waiting, WaitEnding.EXECUTED, "done", "run")
    record_wait_end.fn(records, newer.waiting, WaitEnding.EXPIRED, "too late", "run")
    assert read_open_wait.fn(records, "acme/waits") is None
    assert newer not in read_open_waits.fn(records).readable


def test_a_plan_that_is_not_what_its_digest_says_is_no_plan(records: Records) -> None:
    one, other = shown("acme/forged", live=5), shown("acme/forged", live=6)
    body = canonical_json(other.model_dump(mode="json"))
    create_object(records.access, records.bucket, promotion_plan_key(one.digest), body)
    with pytest.raises(RefusedInputError, check=because("promotion.wait_damaged")):
        read_promotion_plan.fn(records, one.digest)


def test_a_record_that_cannot_be_read_lets_nothing_go_on(records: Records) -> None:
    key = wait_key("acme/damaged", 1, "asked")
    create_object(records.access, records.bucket, key, b"{}")
    with pytest.raises(RefusedInputError, check=because("promotion.wait_damaged")):
        read_open_wait.fn(records, "acme/damaged")


def test_a_record_that_cannot_be_read_hides_nothing_else_that_waits(records: Records) -> None:
    whole, newer = waits(records, shown("acme/whole")), shown("acme/newer")
    cut = wait_key("acme/cut", 1, "asked")
    create_object(records.access, records.bucket, cut, b'{"number": 1, "envi')
    later = canonical_json(newer.model_dump(mode="json") | {"format": 99})
    create_object(records.access, records.bucket, promotion_plan_key(newer.digest), later)
    asked = waiting(newer, at=NOW, expires_at=NOW + timedelta(hours=1))
    body = canonical_json(asked.model_dump(mode="json"))
    create_object(records.access, records.bucket, wait_key("acme/newer", 1, "asked"), body)

    found = read_open_waits.fn(records)
    unreadable = {one.repository: one.failure.code for one in found.unreadable}
    assert whole in found.readable
    assert unreadable["acme/cut"] == "promotion.wait_damaged"
    assert unreadable["acme/newer"] == "record.newer_format"
