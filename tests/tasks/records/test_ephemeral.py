"""Records of environments on demand in a bucket: two writers, lost answers, strange bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.codes import because
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between, at_once, root, unique
from tests.tasks.faults import losing_first
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.environments import (
    EphemeralRecord,
    EphemeralState,
    OriginKind,
    in_state,
    record_key,
    seeded,
)
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.tasks.records.ephemeral import (
    change_environment,
    read_environment,
    read_environments,
)

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def records(infrastructure: Access, preprod: Names) -> Records:
    return Records(infrastructure, preprod.artifact_bucket)


@pytest.fixture
def record() -> EphemeralRecord:
    return EphemeralRecord(
        name=unique("e").replace("-", "")[:20],
        owner="ada",
        purpose="",
        origin=OriginKind.BRANCH,
        origin_of="feature/login",
        repository="acme/shop",
        commit="a" * 40,
        services=("orders",),
        created=NOW,
        expires=NOW + timedelta(hours=24),
        state=EphemeralState.COMING_UP,
    )


def test_a_record_is_made_changed_and_listed(records: Records, record: EphemeralRecord) -> None:
    assert read_environment.fn(records, record.name) is None
    change_environment.fn(records, record.name, lambda _: record)
    changed = change_environment.fn(
        records, record.name, lambda found: in_state(found or record, EphemeralState.UP, 1)
    )
    assert changed.state is EphemeralState.UP
    assert read_environment.fn(records, record.name) == changed
    assert changed in read_environments.fn(records).readable


def test_of_many_writers_none_loses_what_another_one_wrote(
    records: Records, record: EphemeralRecord
) -> None:
    change_environment.fn(records, record.name, lambda _: record)

    def seed(index: int) -> EphemeralRecord:
        return change_environment.fn(
            records, record.name, lambda found: seeded(found or record, f"service{index}", 1)
        )

    at_once(4, seed)
    found = read_environment.fn(records, record.name)
    assert found is not None
    assert sorted(found.seeded) == [f"service{index}" for index in range(4)]


def test_a_write_whose_answer_was_lost_is_found_to_stand(
    records: Records, record: EphemeralRecord, between: Between
) -> None:
    alter, statuses = losing_first("PUT", record_key(record.name).encode())
    with between(alter):
        change_environment.fn(records, record.name, lambda _: record)
    assert statuses
    assert read_environment.fn(records, record.name) == record


@pytest.mark.parametrize("body", [b"{", b'{"name": "other"}', b"[]"])
def test_strange_bytes_are_no_record(
    records: Records, record: EphemeralRecord, body: bytes
) -> None:
    key = record_key(record.name)
    root("infrastructure", "s3").put_object(Bucket=records.bucket, Key=key, Body=body)
    with pytest.raises(RefusedInputError, check=because("ephemeral.record_damaged")):
        read_environment.fn(records, record.name)
    other = record.model_copy(update={"name": "whole"})
    change_environment.fn(records, other.name, lambda _: other)
    found = read_environments.fn(records)
    assert record.name in [one.name for one in found.unreadable]
    assert other in found.readable
    assert {record.name, other.name} <= found.names_alive
    good = record.to_bytes()
    root("infrastructure", "s3").put_object(Bucket=records.bucket, Key=key, Body=good)
