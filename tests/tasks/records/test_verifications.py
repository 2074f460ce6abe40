from __future__ import annotations

from typing import Any

import pytest

from tests.support.codes import because
from tests.support.releases import intent, outcome
from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import unique
from tiercel.domain.base.digests import ArtifactId, Sha256, sha256_hex
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.domain.release.candidates import verification_key, verification_of
from tiercel.domain.release.ledger import Intent, Purpose
from tiercel.tasks.aws.objects import create_object
from tiercel.tasks.records.ledger import record_intent, record_outcome
from tiercel.tasks.records.verifications import read_candidates, record_verification

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def records(infrastructure: Access, preprod: Names) -> Records:
    return Records(infrastructure, preprod.artifact_bucket)


@pytest.fixture
def tried() -> Intent:
    stack = unique("acme-ephemeral-orders")
    artifact = sha256_hex(stack.encode())
    return intent(stack=stack, number=1, artifact_id=artifact, purpose=Purpose.CANDIDATE)


def candidates(records: Records, one: Intent) -> list[Any]:
    return read_candidates.fn(records, "orders", one.artifact_id)


def test_a_candidate_is_found_by_its_artifact_with_whatever_became_of_it(
    records: Records, tried: Intent
) -> None:
    assert candidates(records, tried) == []
    record_intent.fn(records, tried)
    for _ in range(2):
        record_verification.fn(records, tried)
    assert [one.outcome for one in candidates(records, tried)] == [None]
    ended = record_outcome.fn(records, tried, outcome())
    assert candidates(records, tried) == [ended]


def test_a_record_that_points_to_nothing_is_refused(records: Records, tried: Intent) -> None:
    record_verification.fn(records, tried)
    with pytest.raises(RefusedInputError, check=because("promotion.verification_forged")):
        candidates(records, tried)


@pytest.mark.parametrize(
    "change",
    [{}, {"artifact_id": ArtifactId(Sha256("a" * 64))}, {"number": 2}],
    ids=["no record at all", "another artifact's", "another number"],
)
def test_a_record_that_is_not_what_its_key_says_is_refused(
    records: Records, tried: Intent, change: dict[str, Any]
) -> None:
    record_intent.fn(records, tried)
    record = verification_of(tried)
    forged = record.model_copy(update=change).model_dump_json() if change else "{}"
    create_object(records.access, records.bucket, verification_key(record), forged.encode())
    with pytest.raises(RefusedInputError, check=because("promotion.verification_damaged")):
        candidates(records, tried)
