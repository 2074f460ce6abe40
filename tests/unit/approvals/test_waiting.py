"""What becomes of a promotion that waits, and when it goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.codes import because
from tests.support.promotion_plans import NOON, QUEUE, plan, planned, waiting
from tests.support.releases import outcome, release
from tiercel.domain.approvals.plans import PromotionPlan
from tiercel.domain.approvals.waiting import (
    NextStep,
    OpenWait,
    WaitBegun,
    WaitEnding,
    end_of_refused,
    end_of_replaced,
    is_begun,
    is_due,
    is_open,
    newer_waits,
    newest_waits,
    next_run,
    next_step,
    require_as_shown,
    state_of_refused,
    wait_key,
    waiting_error,
    what_differs,
)
from tiercel.domain.base.digests import Sha256
from tiercel.domain.base.errors import ExitCode, RefusedInputError
from tiercel.domain.gates.results import Decision, GateResult
from tiercel.domain.release.ledger import Purpose, Release, ReleaseStatus
from tiercel.domain.stack.plan import Change, Plan
from tiercel.domain.triggers.triggered_runs import AttemptStatus

HOUR = timedelta(hours=1)
REPOSITORY = "acme/shop"


def found(shown: PromotionPlan, begun: datetime | None = None) -> OpenWait:
    record = WaitBegun(at=begun, flow_run="run", reason="approved by rae") if begun else None
    return OpenWait(waiting=waiting(shown), plan=shown, begun=record)


SHOWN = plan(planned(), planned("api"))
OTHER = plan(planned(live=4), planned("api"))
EMPTY = plan(planned(unchanged=True, changes=()), planned("api", unchanged=True, changes=()))


@pytest.mark.parametrize(
    ("there", "now_planned", "now", "step"),
    [
        (None, SHOWN, NOON, NextStep.WAIT),
        (None, EMPTY, NOON, NextStep.GO_ON),
        (found(SHOWN), SHOWN, NOON, NextStep.ASK),
        (found(SHOWN), OTHER, NOON, NextStep.WAIT),
        (found(SHOWN), EMPTY, NOON, NextStep.GO_ON),
        (found(SHOWN), SHOWN, NOON + 99 * HOUR, NextStep.ASK),
        (found(SHOWN, NOON), SHOWN, NOON + HOUR, NextStep.GO_ON),
        (found(SHOWN, NOON), OTHER, NOON + HOUR, NextStep.WAIT),
        # What was begun may be brought to its end as long as there was for the word.
        (found(SHOWN, NOON + HOUR), SHOWN, NOON + 73 * HOUR - timedelta(seconds=1), NextStep.GO_ON),
        (found(SHOWN, NOON + HOUR), SHOWN, NOON + 73 * HOUR, NextStep.ASK),
    ],
)
def test_only_what_was_shown_and_begun_or_what_changes_nothing_needs_no_word(
    there: OpenWait | None, now_planned: PromotionPlan, now: datetime, step: NextStep
) -> None:
    assert next_step(there, now_planned, now) is step


@pytest.mark.parametrize("now", [SHOWN, OTHER])
@pytest.mark.parametrize("begun", [None, NOON])
def test_what_another_version_planned_is_planned_anew_and_waits_for_a_word_of_its_own(
    now: PromotionPlan, begun: datetime | None
) -> None:
    # What was shown has the digest of SHOWN; this version makes that of OTHER of the same record.
    before = found(SHOWN, begun).model_copy(update={"plan": OTHER})
    assert not before.goes_on(NOON)
    assert next_step(before, now, NOON) is NextStep.WAIT
    (why,) = what_differs(before, now)
    assert "another version" in why


def test_another_commit_takes_the_place_of_what_waited_and_the_same_one_was_changed() -> None:
    assert end_of_replaced(found(SHOWN), OTHER) is WaitEnding.CHANGED
    assert end_of_replaced(found(SHOWN), plan(commit="3" * 40)) is WaitEnding.SUPERSEDED


def test_a_promotion_that_waited_too_long_has_expired_and_another_was_declined() -> None:
    one = found(SHOWN)
    over = one.waiting.expires_at
    assert end_of_refused(one, over - HOUR) is WaitEnding.DECLINED
    assert end_of_refused(one, over) is WaitEnding.EXPIRED
    # What was begun has its own time.
    begun = found(SHOWN, over - HOUR)
    assert end_of_refused(begun, over) is WaitEnding.DECLINED
    assert end_of_refused(begun, over + 71 * HOUR) is WaitEnding.EXPIRED


def test_what_differs_is_told_and_a_first_plan_says_that_nothing_was_shown() -> None:
    assert what_differs(None, SHOWN) == ("nothing was shown yet",)
    assert what_differs(found(SHOWN), SHOWN) == ()
    (why,) = what_differs(found(SHOWN), OTHER)
    assert "release 4" in why


def newest(**given: Any) -> Release:
    shown = planned()
    same: dict[str, Any] = {
        "stack": shown.stack,
        "number": 4,
        "artifact_digest": shown.artifact_digest,
        "commit": SHOWN.commit,
        "purpose": Purpose.PROMOTION,
    }
    return release(given.pop("result", None), **same | given)


FAILED = outcome(status=ReleaseStatus.FAILED, deployed=False)


@pytest.mark.parametrize(
    ("release_there", "begun"),
    [
        (None, False),
        (newest(), True),
        (newest(result=outcome()), True),
        (newest(result=FAILED), False),
        (newest(number=3), False),
        (newest(artifact_digest="0" * 64), False),
        (newest(commit="9" * 40), False),
        (newest(purpose=Purpose.ROLLBACK), False),
    ],
)
def test_a_stack_counts_as_begun_only_by_the_release_that_the_plan_led_to(
    release_there: Release | None, begun: bool
) -> None:
    assert is_begun(planned(), SHOWN.commit, release_there) is begun


@pytest.mark.parametrize(
    ("begun", "newest_releases", "told"),
    [
        (None, [newest(result=outcome())], False),
        (NOON, [None, newest(result=outcome())], True),
        (NOON, [newest(), newest(result=FAILED), newest(number=3, result=outcome())], False),
        (NOON, [newest(stack="acme-prod-other", result=outcome())], False),
    ],
)
def test_who_is_refused_hears_what_was_released_of_what_was_begun(
    begun: datetime | None, newest_releases: list[Release | None], told: bool
) -> None:
    state = state_of_refused(found(SHOWN, begun), newest_releases)
    assert ("acme-prod-shop" in state) is told
    assert ("tiercel releases prod" in state) is bool(begun)


def change_set(**given: Any) -> Plan:
    known: dict[str, Any] = {
        "stack": "acme-prod-shop",
        "change_set_id": "arn",
        "template_sha256": "c" * 64,
        "parameters": {},
        "changes": (Change(**QUEUE.model_dump()),),
        "executable": True,
    }
    return Plan(**known | given)


@pytest.mark.parametrize(
    ("shown", "made", "configuration", "allowed"),
    [
        (planned(changes=(QUEUE,)), change_set(), "d" * 64, True),
        (planned(changes=(QUEUE,)), change_set(), "0" * 64, False),
        (planned(changes=()), change_set(), "d" * 64, False),
        (planned(changes=(QUEUE,)), change_set(changes=()), "d" * 64, False),
        (planned(changes=(QUEUE,)), change_set(template_sha256="0" * 64), "d" * 64, False),
        (None, change_set(), "d" * 64, False),
        (planned(changes=(), follows=True), change_set(), "0" * 64, True),
        (planned(follows=True), change_set(template_sha256="0" * 64), "d" * 64, False),
    ],
)
def test_a_change_set_is_executed_only_if_it_is_what_was_shown(
    shown: Any, made: Plan, configuration: str, allowed: bool
) -> None:
    if allowed:
        require_as_shown(shown, made, Sha256(configuration))
        return
    with pytest.raises(RefusedInputError, check=because("promotion.not_as_shown")):
        require_as_shown(shown, made, Sha256(configuration))


def test_of_a_repository_the_newest_wait_counts_alone() -> None:
    keys = [
        wait_key(REPOSITORY, 1, "asked"),
        wait_key(REPOSITORY, 2, "asked"),
        wait_key(REPOSITORY, 1, "ended"),
        wait_key("acme/other", 9, "asked"),
        wait_key("acme/other", 9, "ended"),
        "approvals/waiting/acme/shop/00000003/other.json",
    ]
    waits = newest_waits(keys)
    assert waits == {
        REPOSITORY: (2, frozenset({"asked"})),
        "acme/other": (9, frozenset({"asked", "ended"})),
    }
    assert [is_open(parts) for _, parts in waits.values()] == [True, False]


def test_who_waits_is_told_for_what_until_when_and_what_to_type() -> None:
    closed = GateResult(gate="windows", decision=Decision.WAIT, reason="mon 09:00-10:00")
    error = waiting_error(waiting(SHOWN), [closed], ["nothing was shown yet"])
    assert (error.code, error.exit_code) == ("promotion.waiting", ExitCode.WAITING)
    assert "windows" in error.why
    assert "2026-12-04 12:00 UTC" in error.state
    assert f"tiercel approve prod {SHOWN.digest}" in error.remedy
    assert "#12" in error.remedy


@pytest.mark.parametrize(
    ("said", "other", "last", "due"),
    [
        (Decision.ALLOW, Decision.ALLOW, None, True),
        (Decision.ALLOW, Decision.WAIT, None, False),
        (Decision.ALLOW, Decision.REFUSE, None, False),
        (Decision.WAIT, Decision.ALLOW, None, False),
        # How it ended is written down at any hour.
        (Decision.REFUSE, Decision.WAIT, None, True),
        # Of what was begun: what failed goes on, what a person cancelled does not.
        (Decision.ALLOW, Decision.ALLOW, AttemptStatus.FAILED, True),
        (Decision.ALLOW, Decision.ALLOW, AttemptStatus.CANCELLED, False),
        (Decision.REFUSE, Decision.ALLOW, AttemptStatus.CANCELLED, True),
        (Decision.ALLOW, Decision.ALLOW, AttemptStatus.LIVE, False),
        (Decision.REFUSE, Decision.ALLOW, AttemptStatus.LIVE, False),
    ],
)
def test_another_run_is_due_when_all_allow_or_the_word_will_not_come(
    said: Decision, other: Decision, last: AttemptStatus | None, due: bool
) -> None:
    def gate(decision: Decision) -> GateResult:
        return GateResult(gate="one", decision=decision, reason="so")

    assert is_due(gate(said), [gate(other)], last) is due


def test_who_finds_a_newer_one_waiting_is_told_how_to_end_it() -> None:
    assert f"tiercel decline prod {SHOWN.digest}" in newer_waits(waiting(SHOWN), "9" * 40).remedy


def test_each_thing_that_approvers_say_has_one_run() -> None:
    def run(reason: str, **given: Any) -> str:
        said = GateResult(gate="approvals", decision=Decision.ALLOW, reason=reason)
        return next_run(waiting(SHOWN, **given), said).key(0)

    assert run("approved by rae") == run("approved by rae")
    others = [run("declined by rae"), run("approved by rae", number=2)]
    assert run("approved by rae") not in others
