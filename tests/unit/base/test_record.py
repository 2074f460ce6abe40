from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.codes import because
from tests.support.releases import NOON, intent, manifest, outcome
from tiercel.domain.artifact.manifest import Manifest
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.base.record import StoredRecord, read_stored
from tiercel.domain.release.lease import Lease
from tiercel.domain.release.ledger import Intent, Outcome, Rejection

WHERE = "s3://bucket/key"
RECORDS = [
    intent(),
    outcome(),
    Rejection(by="ada", reason="it lost orders", at=NOON),
    Lease(stack="s", holder="run a", fencing=1, seconds=30),
    manifest(),
]
EACH_KIND = pytest.mark.parametrize("record", RECORDS, ids=lambda one: type(one).__name__)


def written(record: StoredRecord, **changes: Any) -> bytes:
    return json.dumps(record.model_dump(mode="json") | changes).encode()


def newest(record: StoredRecord) -> int:
    """A manifest knows since format 3 whether its template reads Parameter Store, an intent
    whether it is a candidate's.
    """
    return 3 if isinstance(record, Manifest | Intent) else 2


def of_format_1(record: StoredRecord) -> dict[str, Any]:
    body = record.model_dump(mode="json")
    return {key: one for key, one in body.items() if key not in ("format", *record.ADDED)}


@EACH_KIND
def test_a_record_is_written_with_its_format_and_read_as_it_was(record: StoredRecord) -> None:
    assert record.model_dump(mode="json")["format"] == newest(record)
    assert read_stored(type(record), written(record), WHERE) == record


@EACH_KIND
def test_a_record_without_a_number_is_of_format_1_and_written_as_it_stood(
    record: StoredRecord,
) -> None:
    old = of_format_1(record)
    found = read_stored(type(record), json.dumps(old).encode(), WHERE)
    assert found.format == 1
    assert found.model_dump(mode="json") == old
    assert read_stored(type(record), found.model_dump_json().encode(), WHERE) == found


@EACH_KIND
@pytest.mark.parametrize("newer", [1, 2, 10**30])
def test_a_record_of_a_newer_tiercel_asks_for_an_upgrade(record: StoredRecord, newer: int) -> None:
    number = newest(record) + newer
    body = written(record, format=number, stack=None, invented={"later": True})
    with pytest.raises(RefusedInputError, check=because("record.newer_format")) as refused:
        read_stored(type(record), body, WHERE)
    assert refused.value.where == WHERE
    assert str(number) in refused.value.why
    assert refused.value.exit_code == ExitCode.REFUSED


@pytest.mark.parametrize("number", [0, -1, "2", 2.5, True, None, [2]])
def test_what_is_no_number_of_a_format_is_damage(number: object) -> None:
    with pytest.raises(ValidationError):
        read_stored(Intent, written(intent(), format=number), WHERE)


@pytest.mark.parametrize("record", RECORDS[:4], ids=lambda one: type(one).__name__)
def test_a_key_that_nobody_reads_means_nothing(record: StoredRecord) -> None:
    assert read_stored(type(record), written(record, remark="more"), WHERE) == record


def test_a_key_of_a_manifest_that_nobody_reads_is_damage_since_manifests_are_signed() -> None:
    with pytest.raises(ValidationError):
        read_stored(Manifest, written(manifest(), remark="more"), WHERE)


def test_a_record_without_a_number_has_no_key_that_came_later() -> None:
    with pytest.raises(ValidationError):
        read_stored(Manifest, json.dumps(of_format_1(manifest()) | {"outside": []}).encode(), WHERE)


@given(st.integers(0, 400))
def test_a_record_that_is_cut_short_is_damage(length: int) -> None:
    whole = written(outcome())
    with pytest.raises(ValidationError):
        read_stored(Outcome, whole[: min(length, len(whole) - 1)], WHERE)
