from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.releases import NOON, STACK, intent, outcome, release
from tiercel.domain.base.digests import digest_of
from tiercel.domain.base.errors import ExitCode
from tiercel.domain.organization.services import SmokeTest, StackSeed
from tiercel.domain.release.ledger import (
    Outcome,
    Release,
    ReleaseStatus,
    already_live,
    entries_of,
    intent_key,
    is_recorded,
    maker_refusal,
    next_number,
    outcome_key,
    owner_refusal,
    rejection_key,
    resumable,
    running_release,
    stack_prefix,
)
from tiercel.domain.stack.states import StackStatus

stacks = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,127}", fullmatch=True)
numbers = st.integers(1, 99_999_999)


def test_keys_of_one_release_lie_together_and_sort_by_number() -> None:
    assert intent_key(STACK, 7) == "ledger/acme-preprod-orders/00000007/intent.json"
    assert outcome_key(STACK, 7) == "ledger/acme-preprod-orders/00000007/outcome.json"
    assert sorted(intent_key(STACK, n) for n in (10, 9, 100)) == [
        intent_key(STACK, n) for n in (9, 10, 100)
    ]


@given(st.dictionaries(stacks, st.sets(numbers, min_size=1, max_size=5), max_size=5), st.randoms())
def test_the_entries_of_the_ledger_are_what_was_written_in_any_order(
    written: dict[str, set[int]], random: Any
) -> None:
    keys = [
        key(stack, number)
        for stack, found in written.items()
        for number in found
        for key in (intent_key, outcome_key)
    ]
    random.shuffle(keys)
    assert entries_of(keys) == {stack: tuple(sorted(found)) for stack, found in written.items()}


def test_any_part_of_an_entry_takes_its_number() -> None:
    keys = [intent_key(STACK, 1), outcome_key(STACK, 2), rejection_key(STACK, 3)]
    assert entries_of(keys) == {STACK: (1, 2, 3)}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ledger/",
        f"ledger/{STACK}/1/intent.json",
        f"ledger/{STACK}/000000001/intent.json",
        f"ledger/{STACK}/0000000x/intent.json",
        f"ledger/{STACK}/00000001/intent.json.bak",
        f"ledger/{STACK}/00000001/lease.json",
        f"old/ledger/{STACK}/00000001/intent.json",
        f"ledger/a/{STACK}/00000001/intent.json",
        "ledger/1stack/00000001/intent.json",
        "ledger/a_b/00000001/intent.json",
        "ledger//00000001/intent.json",
        f"ledger/{STACK}/00000001/intent.json\n",
        f"ledger/{STACK}/\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661/intent.json",
    ],
)
def test_anything_else_in_the_bucket_is_no_entry(key: str) -> None:
    assert entries_of([key]) == {}


@given(stacks, stacks)
def test_no_stack_reads_the_entries_of_another(one: str, other: str) -> None:
    same = one == other
    assert intent_key(other, 1).startswith(stack_prefix(one)) is same


@pytest.mark.parametrize("number", [0, -1, 100_000_000])
def test_a_release_number_has_one_to_eight_digits(number: int) -> None:
    assert {intent(number=least).number for least in (1, 99_999_999)} == {1, 99_999_999}
    with pytest.raises(ValidationError):
        intent(number=number)


def test_a_release_is_open_until_it_has_an_outcome() -> None:
    assert release().status is ReleaseStatus.OPEN
    assert release(outcome()).status is ReleaseStatus.SUCCEEDED
    assert release(outcome(status=ReleaseStatus.FAILED)).status is ReleaseStatus.FAILED


def test_the_configuration_digest_is_that_of_the_parameters() -> None:
    assert intent().configuration_digest == digest_of({"LogLevel": "info"})
    assert intent(parameters={}).configuration_digest != intent().configuration_digest


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"number": 8}, True),
        ({"commit": "2" * 40}, True),
        ({"flow_run": "run-2", "requested_by": "bob"}, True),
        ({"at": NOON.replace(hour=13)}, True),
        ({"artifact_id": "d" * 64}, True),
        ({"stack": "acme-preprod-catalog"}, False),
        ({"artifact_digest": "d" * 64}, False),
        ({"parameters": {"LogLevel": "debug"}}, False),
        ({"parameters": {}}, False),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_two_runs_want_the_same_if_stack_artifact_and_configuration_agree(
    changes: dict[str, Any], same: bool
) -> None:
    assert (intent(**changes).business_key == intent().business_key) is same


@pytest.mark.parametrize(
    ("latest", "token", "expected"),
    [
        (None, "release-7-attempt-1", False),
        (release(), "release-7-attempt-1", False),
        (release(outcome()), "release-7-attempt-1", True),
        (release(outcome(), number=8, commit="2" * 40), "release-7-attempt-1", True),
        (release(outcome()), "release-8-attempt-1", False),
        (release(outcome()), "", False),
        (release(outcome(stack_token="")), "", True),
        (release(outcome(status=ReleaseStatus.FAILED)), "release-7-attempt-1", False),
        (release(outcome(), artifact_digest="d" * 64), "release-7-attempt-1", False),
        (release(outcome(), parameters={}), "release-7-attempt-1", False),
        (release(outcome(), stack="acme-preprod-catalog"), "release-7-attempt-1", False),
    ],
)
def test_a_stack_is_live_already_only_if_nothing_else_was_released_or_touched_it(
    latest: Release | None, token: str, expected: bool
) -> None:
    assert already_live(latest, intent(), token) is expected
    assert is_recorded(latest, intent()) or not expected


@pytest.mark.parametrize("token", ["", "somebody-elses"])
def test_the_ledger_records_a_release_whoever_touched_its_stack_since(token: str) -> None:
    latest = release(outcome())
    assert is_recorded(latest, intent())
    assert not already_live(latest, intent(), token)


@pytest.mark.parametrize(
    ("latest", "expected"),
    [
        (None, False),
        (release(), True),
        (release(number=3, flow_run="another", commit="2" * 40), True),
        (release(outcome()), False),
        (release(outcome(status=ReleaseStatus.FAILED)), False),
        (release(artifact_digest="d" * 64), False),
        (release(parameters={"LogLevel": "debug"}), False),
        (release(stack="acme-preprod-catalog"), False),
        (release(smoke_test=SmokeTest(invoke="Wrong")), False),
        (release(seed=StackSeed(invoke="Wrong")), False),
    ],
)
def test_a_run_goes_on_from_an_open_intent_that_wanted_the_same(
    latest: Release | None, expected: bool
) -> None:
    assert resumable(latest, intent()) is expected


@given(st.sampled_from([None, release(), release(outcome())]), st.text(max_size=30))
def test_no_release_is_both_live_and_to_be_resumed(latest: Release | None, token: str) -> None:
    assert not (already_live(latest, intent(), token) and resumable(latest, intent()))


@pytest.mark.parametrize("latest", [None, release(), release(outcome(), service="renamed")])
def test_a_repository_may_release_what_nobody_or_itself_released(latest: Release | None) -> None:
    assert owner_refusal(latest, intent(), stack_exists=True) is None


def test_another_repositorys_stack_is_refused_with_both_names_and_a_remedy() -> None:
    other = release(outcome(), repository="acme/store", number=3)
    refusal = owner_refusal(other, intent(), stack_exists=True)
    assert refusal
    assert refusal.exit_code is ExitCode.REFUSED
    assert all(part in str(refusal) for part in (STACK, "acme/store", "acme/shop", "3"))
    assert refusal.remedy


def test_a_repository_whose_stack_is_gone_or_never_came_up_claims_no_name() -> None:
    other = release(outcome(), repository="acme/store")
    assert owner_refusal(other, intent(), stack_exists=False) is None


OURS = {"a": "acme", "e": "preprod", "s": "orders"}


@pytest.mark.parametrize(
    ("latest", "status", "tags", "refused"),
    [
        (None, StackStatus.CREATE_COMPLETE, {}, True),
        (None, StackStatus.UPDATE_COMPLETE, {"owner": "ada"}, True),
        (None, StackStatus.CREATE_COMPLETE, OURS | {"s": "invoices"}, True),
        (None, StackStatus.CREATE_COMPLETE, {"a": "acme", "e": "preprod"}, True),
        (None, StackStatus.ROLLBACK_COMPLETE, {}, True),
        (None, StackStatus.DELETE_FAILED, {}, True),
        (None, StackStatus.REVIEW_IN_PROGRESS, {}, False),
        (None, StackStatus.CREATE_COMPLETE, OURS, False),
        (None, StackStatus.ROLLBACK_COMPLETE, OURS | {"owner": "ada"}, False),
        (release(), StackStatus.CREATE_COMPLETE, {}, False),
        (release(outcome()), StackStatus.UPDATE_COMPLETE, {}, False),
    ],
    ids=[
        "by hand", "by another tool", "another service's", "not all tags",
        "a failed creation by hand", "a failed deletion by hand", "nothing but a change set",
        "a lost ledger", "a lost ledger of a failed creation", "an open release", "released before",
    ],
)  # fmt: skip
def test_a_first_release_takes_only_a_stack_that_tiercel_made(
    latest: Release | None, status: StackStatus, tags: dict[str, str], refused: bool
) -> None:
    refusal = maker_refusal(latest, intent(), status, tags, OURS)
    assert bool(refusal) is refused
    if refusal:
        assert refusal.what == f"stack {STACK} was not made by Tiercel"
        assert "a=acme, e=preprod, s=orders" in refusal.why
        assert refusal.state == "nothing was changed"
        assert refusal.remedy


def test_an_entry_survives_being_written_and_read() -> None:
    entry = release(outcome(outputs={"Url": "https://x"}, smoke_test="ok"))
    assert Release.model_validate_json(entry.model_dump_json()) == entry


@pytest.mark.parametrize(("status", "deployed"), [("succeeded", True), ("failed", False)])
def test_an_outcome_of_0_1_0_that_does_not_say_so_was_deployed_if_it_succeeded(
    status: str, deployed: bool
) -> None:
    said = {"status": status, "at": "2026-11-23T00:30:00Z", "seconds": 1.5}
    assert Outcome.model_validate(said).deployed is deployed
    assert Outcome.model_validate(said | {"deployed": not deployed}).deployed is not deployed


def test_a_stack_runs_its_newest_release_that_was_deployed_even_if_its_smoke_test_failed() -> None:
    rolled_back = release(outcome(status=ReleaseStatus.FAILED, deployed=False), number=9)
    smoked = release(outcome(status=ReleaseStatus.FAILED, deployed=True), number=8)
    good = release(outcome(), number=7)

    assert running_release([release(number=10), rolled_back, smoked, good]) == smoked
    assert running_release([rolled_back, good]) == good
    assert running_release([rolled_back]) is None


@pytest.mark.parametrize(
    ("latest", "token", "number"),
    [
        (None, "", 1),
        (release(), "", 8),
        (release(), "release-7-attempt-2", 8),
        (release(), "release-9-attempt-1", 10),
        (None, "release-9-attempt-1", 10),
        (release(), "somebody-else-99", 8),
    ],
)
def test_a_number_that_the_stack_has_seen_is_never_given_again(
    latest: Release | None, token: str, number: int
) -> None:
    assert next_number(latest, token) == number
