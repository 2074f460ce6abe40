from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between, at_once, root, unique
from tests.tasks.faults import Faults, error, losing_first, once
from tiercel.domain.base.errors import LeaseLostError, RefusedInputError
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.domain.release.lease import Lease, lease_key
from tiercel.tasks.records.lease import (
    HeldLease,
    give_back_lease,
    is_leased,
    renew_lease,
    take_lease,
)

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")

SHORT_SECONDS = 3.0
LONG_SECONDS = 60.0


@pytest.fixture
def bucket(preprod: Names) -> str:
    return preprod.artifact_bucket


@pytest.fixture
def records(infrastructure: Access, bucket: str) -> Records:
    return Records(infrastructure, bucket)


@pytest.fixture
def stack() -> str:
    return unique("acme-preprod-leased")


def wanted(stack: str, holder: str = "run a", seconds: float = LONG_SECONDS) -> Lease:
    return Lease(stack=stack, holder=holder, fencing=1, seconds=seconds)


def stored(bucket: str, stack: str) -> dict[str, Any]:
    answer = root("infrastructure", "s3").get_object(Bucket=bucket, Key=lease_key(stack))
    return dict(json.loads(answer["Body"].read()))


def test_a_lease_is_taken_renewed_and_given_back(records: Records, bucket: str, stack: str) -> None:
    first = take_lease.fn(records, wanted(stack))
    renewed = renew_lease(first)
    give_back_lease(renewed)

    assert stored(bucket, stack)["released"]
    second = take_lease.fn(records, wanted(stack, "run b"))
    assert (first.lease.fencing, second.lease.fencing) == (1, 2)


def test_a_renewal_of_which_its_holder_has_not_heard_is_given_back_too(
    records: Records, bucket: str, stack: str
) -> None:
    first = take_lease.fn(records, wanted(stack))
    renew_lease(first)
    give_back_lease(first)

    assert stored(bucket, stack)["released"]


def test_another_writer_is_waited_for_until_it_gives_the_lease_back(
    records: Records, stack: str
) -> None:
    first = take_lease.fn(records, wanted(stack))
    began_to_give_back = threading.Event()

    def give_back() -> None:
        began_to_give_back.set()
        give_back_lease(first)

    later = threading.Timer(0.3, give_back)
    later.start()

    second = take_lease.fn(records, wanted(stack, "run b"))

    assert began_to_give_back.is_set()
    later.join()
    assert second.lease.holder == "run b"
    assert is_leased.fn(records, stack)
    give_back_lease(second)
    assert not is_leased.fn(records, stack)


def test_a_silent_writer_is_taken_over_and_learns_of_it(
    records: Records, bucket: str, stack: str
) -> None:
    asleep = take_lease.fn(records, wanted(stack, seconds=SHORT_SECONDS))
    awake = take_lease.fn(records, wanted(stack, "run b"))

    assert awake.lease.fencing == asleep.lease.fencing + 1
    with pytest.raises(LeaseLostError) as lost:
        renew_lease(asleep)
    assert "run b has it now" in lost.value.why
    give_back_lease(asleep)
    assert stored(bucket, stack) == json.loads(awake.lease.to_bytes())


def test_one_of_many_racers_gets_the_lease(records: Records, bucket: str, stack: str) -> None:
    racers = [f"run {index}" for index in range(6)]
    winners: list[HeldLease] = []

    def race(index: int) -> HeldLease:
        held = take_lease.fn(records, wanted(stack, racers[index]))
        winners.append(held)
        assert stored(bucket, stack)["holder"] == held.lease.holder
        give_back_lease(held)
        return held

    results = at_once(len(racers), race)

    fencing = sorted(held.lease.fencing for held in results if isinstance(held, HeldLease))
    assert fencing == list(range(1, len(racers) + 1))
    assert [held.lease.fencing for held in winners] == fencing


def test_a_lease_whose_first_answer_was_lost_is_still_the_own(
    records: Records, stack: str, between: Between
) -> None:
    alter, statuses = losing_first("PUT", lease_key(stack).encode())
    with between(alter):
        held = take_lease.fn(records, wanted(stack))

    assert held.lease.fencing == 1
    assert statuses == [200, 412, 200]
    assert held.lease.renewals == 1, "what was found is written anew, so that its age is known"


def test_a_renewal_whose_answer_was_lost_has_happened(
    records: Records, stack: str, between: Between
) -> None:
    held = take_lease.fn(records, wanted(stack))
    alter, statuses = losing_first("PUT", lease_key(stack).encode())
    with between(alter):
        renewed = renew_lease(held)

    assert statuses == [200, 412]
    assert renew_lease(renewed).lease.renewals == 2


def test_a_busy_bucket_is_asked_again(records: Records, stack: str, faults: Faults) -> None:
    faults.inject(once("s3", "PutObject", **error("SlowDown", 503)))
    assert take_lease.fn(records, wanted(stack)).lease.fencing == 1
    assert faults.fired() == ["PutObject"]


def test_a_lease_that_nobody_can_read_is_not_overwritten(
    records: Records, bucket: str, stack: str
) -> None:
    body = b'{"holder": "somebody"}'
    root("infrastructure", "s3").put_object(Bucket=bucket, Key=lease_key(stack), Body=body)
    with pytest.raises(RefusedInputError) as refused:
        take_lease.fn(records, wanted(stack))
    assert refused.value.code == "lease.damaged"
    assert stored(bucket, stack) == json.loads(body)


def test_a_lease_of_a_newer_tiercel_is_not_taken_over(
    records: Records, bucket: str, stack: str
) -> None:
    newer = json.dumps({"format": 99, "stack": stack, "renewed_by": "another rule"}).encode()
    root("infrastructure", "s3").put_object(Bucket=bucket, Key=lease_key(stack), Body=newer)
    with pytest.raises(RefusedInputError, check=because("record.newer_format")):
        take_lease.fn(records, wanted(stack))
    assert stored(bucket, stack) == json.loads(newer)


def test_a_lease_that_an_earlier_version_gave_back_is_taken(
    records: Records, bucket: str, stack: str
) -> None:
    old = json.loads(wanted(stack).given_back().to_bytes())
    del old["format"]
    root("infrastructure", "s3").put_object(
        Bucket=bucket, Key=lease_key(stack), Body=json.dumps(old).encode()
    )
    assert take_lease.fn(records, wanted(stack, "run b")).lease.fencing == 2
