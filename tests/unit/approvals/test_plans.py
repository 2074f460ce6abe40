"""What a word is bound to: the digest of a promotion's plan, and what differs between two."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.promotion_plans import NOON, QUEUE, ROLE, plan, planned
from tiercel.domain.approvals.plans import (
    AskedBy,
    PromotionPlan,
    WaitingPromotion,
    is_damaged,
    plan_differences,
    posted_key,
    promotion_plan_key,
)
from tiercel.domain.base.digests import canonical_json
from tiercel.domain.base.record import read_stored


def test_the_digest_of_a_plan_is_the_same_in_every_version() -> None:
    # A promotion waits across an upgrade of the worker: its plan made anew has to be the same.
    assert plan().digest == "11d14221cb1085bb71b74bbf5396ed6eda2cb9b587c1e57bc81ea9500f2a8dd5"


@pytest.mark.parametrize(
    ("is_same", "known", "damaged"),
    [(True, 1, False), (True, 2, False), (False, 1, True), (False, 2, False)],
)
def test_a_kept_plan_of_another_digest_is_damaged_unless_an_earlier_tiercel_made_it(
    is_same: bool, known: int, damaged: bool
) -> None:
    kept, other = plan(), plan(planned(live=4))
    assert kept.format == 1
    assert is_damaged(kept, (kept if is_same else other).digest, known) is damaged


def test_neither_the_order_of_changes_nor_that_of_services_is_part_of_a_plan() -> None:
    one = plan(planned("api"), planned("shop", changes=(QUEUE, ROLE)))
    other = plan(planned("shop", changes=(ROLE, QUEUE)), planned("api"))
    assert one.digest == other.digest
    assert plan_differences(one, other) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"stack": "acme-prod-other"},
        {"live": 4},
        {"artifact_id": "0" * 64},
        {"artifact_digest": "0" * 64},
        {"template_sha256": "0" * 64},
        {"configuration_digest": "0" * 64},
        {"changes": (QUEUE,)},
        {"changes": (QUEUE, ROLE.model_copy(update={"action": "Remove"}))},
        {"changes": (QUEUE, ROLE.model_copy(update={"replacement": "True"}))},
        {"changes": (QUEUE, ROLE.model_copy(update={"properties": ("Path",)}))},
        {"changes": (QUEUE, ROLE.model_copy(update={"policy_action": "Delete"}))},
        {"changes": (QUEUE, ROLE.model_copy(update={"resource_type": "AWS::IAM::Policy"}))},
        {"changes": (QUEUE, ROLE.model_copy(update={"nested_in": "Inner"}))},
        {"changes": (QUEUE, ROLE.model_copy(update={"logical_id": "Other"}))},
        {"follows": True},
        {"unchanged": True},
    ],
)
def test_whatever_changes_of_a_service_changes_the_digest_and_is_told(
    changed: dict[str, Any],
) -> None:
    before, after = plan(), plan(planned(**changed))
    assert before.digest != after.digest
    assert plan_differences(before, after)


@pytest.mark.parametrize(
    "changed",
    [
        {"commit": "2" * 40},
        {"environment": "staging"},
        {"repository": "acme/other"},
        {"services": (planned(), planned("api"))},
        {"services": (planned("api"),)},
    ],
)
def test_whatever_changes_of_a_plan_changes_the_digest_and_is_told(changed: dict[str, Any]) -> None:
    before, after = plan(), plan(**changed)
    assert before.digest != after.digest
    assert plan_differences(before, after)


@given(st.sets(st.sampled_from(["live", "follows", "unchanged"])), st.booleans())
def test_plans_have_the_same_digest_if_and_only_if_nothing_differs(
    keys: set[str], swapped: bool
) -> None:
    other: dict[str, Any] = {"live": 9, "follows": True, "unchanged": True}
    changed = {key: other[key] for key in keys}
    before, after = plan(), plan(planned(**changed))
    if swapped:
        before, after = after, before
    assert (before.digest == after.digest) is (plan_differences(before, after) == ()) is (not keys)


def test_a_plan_is_read_from_its_record_as_it_was_written() -> None:
    body = canonical_json(plan().model_dump(mode="json"))
    found = read_stored(PromotionPlan, body, promotion_plan_key(plan().digest))
    assert found == plan()
    assert found.digest == plan().digest


def test_what_a_newer_tiercel_adds_to_a_plan_is_passed_over() -> None:
    stored = plan().model_dump(mode="json")
    stored["services"][0]["later"] = 1
    stored["services"][0]["changes"][0]["later"] = 1
    assert read_stored(PromotionPlan, canonical_json(stored), "plan").digest == plan().digest


def test_only_what_decides_who_may_do_what_is_a_change_of_permissions() -> None:
    assert [one.logical_id for one in planned().permission_changes] == ["Role"]


def test_a_plan_changes_nothing_when_every_stack_is_as_it_is_wanted() -> None:
    assert plan(planned(unchanged=True), planned("api", unchanged=True)).changes_nothing
    assert not plan(planned(unchanged=True), planned("api")).changes_nothing


def test_a_plan_tells_what_becomes_of_each_stack() -> None:
    assert plan().of_stack("acme-prod-shop") == planned()
    assert plan().of_stack("acme-prod-other") is None


def test_a_waiting_promotion_is_written_in_one_form() -> None:
    waiting = WaitingPromotion(
        number=1,
        environment="prod",
        repository="acme/shop",
        commit="1" * 40,
        plan_digest=plan().digest,
        asked_by=AskedBy(github=7),
        authors=frozenset({9, 2, 5}),
        at=NOON,
        expires_at=NOON,
    )
    assert waiting.model_dump(mode="json")["authors"] == [2, 5, 9]
    body = canonical_json(waiting.model_dump(mode="json"))
    assert read_stored(WaitingPromotion, body, "waiting") == waiting


def test_what_belongs_to_a_plan_stands_under_its_digest() -> None:
    assert promotion_plan_key("d") == "approvals/plans/d.json"
    assert posted_key("d") == "approvals/posted/d.json"
