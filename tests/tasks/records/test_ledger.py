from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tasks import aws_fixtures
from tests.tasks.aws_fixtures import Between, at_once, root, unique
from tests.tasks.faults import Answer, Faults, Question, error, losing_first, once
from tiercel.domain.base.errors import RefusedInputError, TransientError
from tiercel.domain.organization.access import Access, Records
from tiercel.domain.organization.names import Names
from tiercel.domain.release.entries import Entry, readable_of, unreadable_of
from tiercel.domain.release.ledger import (
    Intent,
    Outcome,
    Release,
    ReleaseStatus,
    intent_key,
    outcome_key,
)
from tiercel.tasks.aws.objects import create_object, list_keys
from tiercel.tasks.records.ledger import (
    newest_release,
    read_history,
    read_live_releases,
    read_needed_entries,
    read_newest_entries,
    record_intent,
    record_outcome,
)

infrastructure = aws_fixtures.infrastructure
aws = aws_fixtures.aws
faults = aws_fixtures.faults
between = aws_fixtures.between

pytestmark = pytest.mark.usefixtures("aws")


def newest_entries(records: Records, newest: int) -> list[Entry]:
    """Those of every stack of the ledger."""
    return read_newest_entries.fn(records, newest, lambda _: True)[1]


NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

HOSTILE = [
    "line\nbreak\r\ttab",
    "\x00\x1b[31mred\x1b[0m",
    '"}, "status": "succeeded", {"',
    "<script>&amp;${jndi}</script>",
    "right \u202eto left\u202c and zero\u200bwidth",
    "🚀 ünïcödé 漢字",
    "x" * 200_000,
]


def intent(stack: str, **more: Any) -> Intent:
    values: dict[str, Any] = {
        "stack": stack,
        "number": 1,
        "service": "orders",
        "environment": "preprod",
        "repository": "acme/shop",
        "commit": "0" * 40,
        "artifact_id": "1" * 64,
        "artifact_digest": "2" * 64,
        "template_sha256": "3" * 64,
        "parameters": {"LogLevel": "info"},
        "requested_by": "arn:aws:iam::111111111111:user/operator",
        "flow_run": "run",
        "at": NOON,
    }
    return Intent(**values | more)


def outcome(status: ReleaseStatus = ReleaseStatus.SUCCEEDED, message: str = "") -> Outcome:
    return Outcome(status=status, deployed=False, at=NOON, seconds=1.5, message=message)


@pytest.fixture
def bucket(preprod: Names) -> str:
    return preprod.artifact_bucket


@pytest.fixture
def records(infrastructure: Access, bucket: str) -> Records:
    return Records(infrastructure, bucket)


@pytest.fixture
def stack() -> str:
    return unique("acme-preprod-ledger")


def test_a_stack_without_releases_has_no_newest_one(records: Records, stack: str) -> None:
    assert newest_release.fn(records, stack) is None


def test_of_twenty_that_want_one_number_at_once_one_gets_it(records: Records, stack: str) -> None:
    wishes = [intent(stack, artifact_digest=f"{number:064d}") for number in range(20)]
    recorded = at_once(20, lambda i: record_intent.fn(records, wishes[i]))

    got = [entry for entry in recorded if isinstance(entry, Intent)]
    assert len(got) == 1
    assert recorded.count(None) == 19
    newest = newest_release.fn(records, stack)
    assert newest is not None
    assert newest.intent == got[0]


def test_twenty_that_wish_the_same_at_once_share_one_number(records: Records, stack: str) -> None:
    recorded = at_once(
        20,
        lambda i: record_intent.fn(records, intent(stack, flow_run=f"run-{i}")),
    )

    assert isinstance(recorded[0], Intent)
    assert recorded[0].number == 1
    assert all(entry == recorded[0] for entry in recorded)


def is_of(release: Release, stack: str) -> bool:
    return release.intent.stack == stack


def written(access: Access, bucket: str, wanted: Intent) -> Intent:
    found = record_intent.fn(Records(access, bucket), wanted)
    assert found
    return found


def test_the_same_intent_recorded_again_has_the_same_number(records: Records, stack: str) -> None:
    first = record_intent.fn(records, intent(stack))

    assert record_intent.fn(records, intent(stack)) == first


def test_an_intent_whose_creation_was_not_confirmed_takes_one_number(
    between: Between, infrastructure: Access, bucket: str, stack: str
) -> None:
    alter, statuses = losing_first("PUT", stack.encode())

    with between(alter):
        recorded = written(infrastructure, bucket, intent(stack))

    assert statuses == [200, 412]
    assert recorded.number == 1
    assert list_keys(infrastructure, bucket, f"ledger/{stack}/") == [intent_key(stack, 1)]


def test_a_release_is_open_until_its_outcome_is_written(
    records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    recorded = written(infrastructure, bucket, intent(stack))
    before = newest_release.fn(records, stack)

    closed = record_outcome.fn(records, recorded, outcome())

    assert before == Release(intent=recorded)
    assert before.status is ReleaseStatus.OPEN
    assert closed == Release(intent=recorded, outcome=outcome())
    assert newest_release.fn(records, stack) == closed


def test_an_entry_is_asked_for_once_until_it_is_another_one(
    between: Between, records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    first = written(infrastructure, bucket, intent(stack))
    closed = record_outcome.fn(records, first, outcome())
    asked: list[str] = []

    def note(question: Question, answer: Answer) -> Answer:
        asked.append(question.method)
        return answer

    with between(note):
        for times in (3, 1):  # the list of entries, and at first what it lists
            asked.clear()
            assert newest_release.fn(records, stack) == closed
            assert asked.count("GET") == times
        other = outcome(ReleaseStatus.FAILED, "what somebody has put over it")
        root("infrastructure", "s3").put_object(
            Bucket=bucket, Key=outcome_key(stack, 1), Body=other.model_dump_json().encode()
        )
        assert newest_release.fn(records, stack) == Release(intent=first, outcome=other)


def test_of_two_outcomes_the_first_stands(
    records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    recorded = written(infrastructure, bucket, intent(stack))
    first = record_outcome.fn(records, recorded, outcome(ReleaseStatus.FAILED, "no answer"))

    second = record_outcome.fn(records, recorded, outcome())

    assert second == first
    assert newest_release.fn(records, stack) == first


def test_of_twenty_outcomes_at_once_all_writers_learn_of_the_same_one(
    records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    recorded = written(infrastructure, bucket, intent(stack))

    releases = at_once(
        20,
        lambda i: record_outcome.fn(records, recorded, outcome(message=str(i))),
    )

    stands = newest_release.fn(records, stack)
    assert stands is not None
    assert stands.outcome is not None
    assert releases == [stands] * 20


def test_the_newest_of_twelve_releases_is_the_twelfth(
    records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    for number in range(1, 13):
        recorded = written(infrastructure, bucket, intent(stack, number=number))
        assert recorded.number == number
        ended = outcome(message=str(number)).model_copy(update={"deployed": number == 7})
        record_outcome.fn(records, recorded, ended)

    newest = newest_release.fn(records, stack)
    assert newest is not None
    assert newest.intent.number == 12
    _, needed = read_needed_entries.fn(records, 5, lambda one: one == stack)
    assert [release.intent.number for release in readable_of(needed)] == [12, 11, 10, 9, 8, 7]
    shown = [r for r in readable_of(newest_entries(records, 5)) if is_of(r, stack)]
    assert [release.intent.number for release in shown] == [12, 11, 10, 9, 8]
    assert [r.outcome.message for r in shown if r.outcome] == ["12", "11", "10", "9", "8"]
    everything = readable_of(newest_entries(records, 100))
    numbers = [release.intent.number for release in everything if is_of(release, stack)]
    assert numbers == list(range(12, 0, -1))


def test_a_stack_whose_name_begins_with_anothers_has_a_ledger_of_its_own(
    records: Records, stack: str
) -> None:
    record_intent.fn(records, intent(f"{stack}-2", number=7))
    record_intent.fn(records, intent(stack))

    newest = newest_release.fn(records, stack)

    assert newest is not None
    assert newest.intent.number == 1


def test_objects_that_are_no_entries_are_not_read(
    records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    record_intent.fn(records, intent(stack))
    for name in ("99/intent.json", "00000002/intent.json.bak", "00000003/lease.json"):
        create_object(infrastructure, bucket, f"ledger/{stack}/{name}", b"not an entry")

    newest = newest_release.fn(records, stack)

    assert newest is not None
    assert newest.intent.number == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "Input should be an object"),
        (b'{"stack": "x"}', "Field required"),
        (b'{"format": "new"}', "Input should be a valid integer"),
    ],
    ids=["empty", "binary", "list", "incomplete", "no format"],
)
def test_a_damaged_intent_is_refused_and_named(
    records: Records, infrastructure: Access, bucket: str, stack: str, body: bytes, why: str
) -> None:
    create_object(infrastructure, bucket, intent_key(stack, 3), body)

    with pytest.raises(RefusedInputError) as refusal:
        newest_release.fn(records, stack)

    assert refusal.value.code == "ledger.entry_damaged"
    assert refusal.value.where == f"s3://{bucket}/ledger/{stack}/00000003/"
    assert why in refusal.value.why
    remove(bucket, intent_key(stack, 3))


def test_a_damaged_outcome_is_refused_and_never_taken_for_an_open_release(
    records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    record_intent.fn(records, intent(stack))
    create_object(infrastructure, bucket, outcome_key(stack, 1), b"{}")

    with pytest.raises(RefusedInputError, match="entry 1 of the ledger cannot be read"):
        newest_release.fn(records, stack)
    remove(bucket, outcome_key(stack, 1))


@pytest.mark.parametrize(("other_stack", "number"), [("acme-preprod-other", 1), (None, 2)])
def test_an_entry_that_was_copied_from_another_place_is_refused(
    records: Records,
    infrastructure: Access,
    bucket: str,
    stack: str,
    other_stack: str | None,
    number: int,
) -> None:
    foreign = intent(other_stack or stack, number=number)
    create_object(infrastructure, bucket, intent_key(stack, 1), foreign.model_dump_json().encode())

    with pytest.raises(RefusedInputError) as refusal:
        newest_release.fn(records, stack)

    assert refusal.value.why == f"it says that it is entry {number} of {foreign.stack}"
    remove(bucket, intent_key(stack, 1))


def test_what_a_stack_runs_is_its_newest_release_that_was_deployed(
    records: Records, infrastructure: Access, bucket: str
) -> None:
    running, failing, empty = (unique(f"acme-preprod-{name}") for name in ("run", "fail", "none"))
    record_release(infrastructure, bucket, intent(running), deployed=True)
    record_release(infrastructure, bucket, intent(running, number=2), deployed=False)
    record_intent.fn(records, intent(running, number=3))
    record_release(infrastructure, bucket, intent(failing), deployed=False)
    record_intent.fn(records, intent(empty))

    found = {one.stack: one for one in read_live_releases.fn(records)}

    numbers = {
        name: (
            live.running.intent.number if live.running else None,
            live.open.intent.number if live.open else None,
        )
        for name, live in found.items()
        if name in {running, failing, empty}
    }
    assert numbers == {running: (1, 3), failing: (None, None), empty: (None, 1)}


def test_one_entry_that_cannot_be_read_hides_no_other_one(
    records: Records, infrastructure: Access, bucket: str
) -> None:
    whole, cut, headless = (unique(f"acme-preprod-{name}") for name in ("whole", "cut", "bare"))
    record_release(infrastructure, bucket, intent(whole), deployed=True)
    record_release(infrastructure, bucket, intent(cut), deployed=True)
    record_intent.fn(records, intent(cut, number=2))
    half = outcome().model_dump_json().encode()[:60]
    create_object(infrastructure, bucket, outcome_key(cut, 2), half)
    create_object(
        infrastructure, bucket, outcome_key(headless, 1), outcome().model_dump_json().encode()
    )

    live = {one.stack: one for one in read_live_releases.fn(records)}
    entries = newest_entries(records, 10)
    history = read_history.fn(records, cut)

    assert [one.number for one in live[cut].unreadable] == [2]
    assert [one.number for one in live[headless].unreadable] == [1]
    assert not live[whole].unreadable
    assert live[cut].running == readable_of(history)[0]
    damaged = {(one.stack, one.number, one.failure.code) for one in unreadable_of(entries)}
    assert damaged == {(cut, 2, "ledger.entry_damaged"), (headless, 1, "ledger.entry_damaged")}
    assert {whole, cut} <= {one.intent.stack for one in readable_of(entries)}
    remove(bucket, outcome_key(cut, 2))
    remove(bucket, outcome_key(headless, 1))


def record_release(access: Access, bucket: str, wanted: Intent, *, deployed: bool) -> None:
    recorded = written(access, bucket, wanted)
    ended = outcome().model_copy(update={"deployed": deployed})
    record_outcome.fn(Records(access, bucket), recorded, ended)


def remove(bucket: str, key: str) -> None:
    """A damaged entry would stop every later test from reading the whole ledger."""
    root("infrastructure", "s3").delete_object(Bucket=bucket, Key=key)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_kept_as_it_is(
    records: Records, infrastructure: Access, bucket: str, stack: str, text: str
) -> None:
    hostile = intent(stack, parameters={"Name": text}, requested_by=text)
    recorded = written(infrastructure, bucket, hostile)
    failed = outcome(ReleaseStatus.FAILED, text)

    record_outcome.fn(records, recorded, failed)

    assert newest_release.fn(records, stack) == Release(intent=hostile, outcome=failed)


def test_text_that_is_no_unicode_does_not_make_an_entry_unreadable(
    records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    recorded = written(infrastructure, bucket, intent(stack))

    record_outcome.fn(records, recorded, outcome(ReleaseStatus.FAILED, "file \udcff.txt"))

    newest = newest_release.fn(records, stack)
    assert newest is not None
    assert newest.outcome is not None
    assert newest.outcome.message.startswith("file ")
    assert newest.outcome.message.endswith(".txt")


def test_damaged_answers_are_never_taken_for_damaged_entries(
    faults: Faults, records: Records, stack: str
) -> None:
    record_intent.fn(records, intent(stack))
    faults.inject(once("s3", "GetObject", response={"corrupt_bytes": 3}))

    with pytest.raises(TransientError):
        newest_release.fn(records, stack)

    assert newest_release.fn(records, stack) is not None


def test_a_throttled_ledger_is_read_and_written_all_the_same(
    faults: Faults, records: Records, infrastructure: Access, bucket: str, stack: str
) -> None:
    slow = error("SlowDown", 503)
    faults.inject(once("s3", "PutObject", **slow), once("s3", "ListObjectsV2", **slow))

    recorded = written(infrastructure, bucket, intent(stack))

    assert newest_release.fn(records, stack) == Release(intent=recorded)
    assert faults.fired() == ["PutObject", "ListObjectsV2"]
