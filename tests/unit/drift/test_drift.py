"""What follows from what CloudFormation, the ledger and the rules of a check say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.releases import STACK, outcome, release
from tiercel.domain.accounts.findings import Aspect, Thing
from tiercel.domain.base.record import read_stored
from tiercel.domain.drift.decisions import (
    drift_of_accounts,
    drift_of_stack,
    found_before,
    not_looked_at,
    overwritten,
)
from tiercel.domain.drift.observations import (
    MOST_PROPERTIES,
    ResourceDrift,
    ResourceState,
    StackDrift,
    is_detectable,
    resource_drift_of,
)
from tiercel.domain.drift.report import DriftFinding, DriftKind, DriftReport
from tiercel.domain.gates.drift import DriftGate
from tiercel.domain.gates.results import Decision
from tiercel.domain.organization.gate_settings import GateSettings
from tiercel.domain.pages.environment.drift_page import drift_page
from tiercel.domain.release.ledger import Release
from tiercel.domain.release.live import StackSeen, live_of
from tiercel.domain.stack.states import StackStatus

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECRET = "hunter2"
LIVE = live_of(STACK, [release(outcome(stack_token="release-7-attempt-1"))])
AS_LEFT = StackSeen(exists=True, token="release-7-attempt-1")
BY_HAND = StackSeen(exists=True, token="Console-1")
THING = Thing("111111111111", "role deployer")


def answer(state: str = "MODIFIED", **more: Any) -> dict[str, Any]:
    return {
        "LogicalResourceId": "Queue",
        "ResourceType": "AWS::SQS::Queue",
        "StackResourceDriftStatus": state,
        "ExpectedProperties": SECRET,
        "ActualProperties": SECRET,
        **more,
    }


def difference(path: str) -> dict[str, str]:
    return {"PropertyPath": path, "ExpectedValue": SECRET, "ActualValue": SECRET}


def found(*resources: ResourceDrift, unseen: str = "") -> StackDrift:
    return StackDrift(stack=STACK, resources=resources, unseen=unseen)


def report(*findings: DriftFinding, at: datetime = NOON, **more: Any) -> DriftReport:
    return DriftReport(
        environment="prod", at=at, flow_run="run-1", stacks=1, findings=findings, **more
    )


def queue(kind: DriftKind = DriftKind.MODIFIED, where: str = STACK) -> DriftFinding:
    return DriftFinding(kind=kind, where=where, what="Queue (AWS::SQS::Queue)", remedy="mend it")


def test_no_value_of_a_property_is_kept_and_many_paths_are_cut_off() -> None:
    many = [difference(f"/Tags/{number}") for number in range(50)]
    seen = resource_drift_of(answer(PropertyDifferences=many), "Inner")
    assert seen.path == "Inner/Queue"
    assert len(seen.properties) == MOST_PROPERTIES
    assert SECRET not in repr(seen)


@pytest.mark.parametrize("status", list(StackStatus))
def test_a_stack_at_work_or_that_failed_is_not_looked_at(status: StackStatus) -> None:
    settled = status.value.endswith("_COMPLETE") or status is StackStatus.UPDATE_ROLLBACK_FAILED
    assert not is_detectable(status) or settled
    assert not is_detectable(StackStatus.ROLLBACK_COMPLETE)


@pytest.mark.parametrize(
    ("state", "kind", "why"),
    [
        ("MODIFIED", DriftKind.MODIFIED, "/DelaySeconds"),
        ("DELETED", DriftKind.DELETED, "it is not there any more"),
        ("UNKNOWN", DriftKind.UNSEEN, "no permission"),
    ],
)
def test_what_cloudformation_says_of_a_resource_becomes_a_finding(
    state: str, kind: DriftKind, why: str
) -> None:
    differs = [difference("/DelaySeconds")] if state == "MODIFIED" else []
    reason = "no permission" if state == "UNKNOWN" else ""
    seen = resource_drift_of(answer(state, PropertyDifferences=differs, DriftStatusReason=reason))
    (one,) = drift_of_stack(LIVE, AS_LEFT, found(seen), production=True)
    assert (one.kind, one.where, one.why) == (kind, STACK, why)
    assert one.what == "Queue (AWS::SQS::Queue)"


@pytest.mark.parametrize("production", [False, True])
def test_the_remedy_is_a_command_that_exists_where_it_is_needed(production: bool) -> None:
    changed = ResourceDrift(path="Q", resource_type="T", state=ResourceState.MODIFIED)
    (one,) = drift_of_stack(LIVE, AS_LEFT, found(changed), production=production)
    wanted = f"tiercel rollback {STACK} --to 7 --revert-drift" if production else "tiercel deploy "
    assert wanted in one.remedy


@pytest.mark.parametrize(
    ("seen", "drift", "kinds"),
    [
        (AS_LEFT, found(), []),
        (BY_HAND, found(), [DriftKind.PAST_TIERCEL]),
        (StackSeen(exists=False), None, [DriftKind.PAST_TIERCEL]),
        (AS_LEFT, found(unseen="it is UPDATE_IN_PROGRESS"), [DriftKind.UNSEEN]),
    ],
)
def test_a_stack_is_told_by_its_newest_operation_and_by_what_nobody_could_see(
    seen: StackSeen, drift: StackDrift | None, kinds: list[DriftKind]
) -> None:
    assert [one.kind for one in drift_of_stack(LIVE, seen, drift, production=False)] == kinds


AT_WORK = StackDrift(stack=STACK, unseen="it is UPDATE_IN_PROGRESS", at_work="release-8-attempt-1")
RELEASING = release(number=8, at=NOON)
DAY = timedelta(hours=24)


@pytest.mark.parametrize(
    ("drift", "newest", "before", "stands"),
    [
        (AT_WORK, RELEASING, report(), []),
        (AT_WORK, RELEASING, report(queue()), [queue()]),
        (AT_WORK, RELEASING, report(queue(where="other")), []),
        (AT_WORK, RELEASING, report(queue(DriftKind.UNSEEN)), [queue(DriftKind.UNSEEN)]),
        (AT_WORK, RELEASING, report(at=NOON - DAY), []),
        (AT_WORK, RELEASING, report(at=NOON - DAY - timedelta(seconds=1)), None),
        (AT_WORK, RELEASING, None, None),
        (AT_WORK, release(number=8, at=NOON - DAY - timedelta(seconds=1)), report(), None),
        (AT_WORK, release(outcome(), number=8, at=NOON), report(), None),
        (AT_WORK, release(number=9, at=NOON), report(), None),
        (AT_WORK, None, report(), None),
        (AT_WORK.model_copy(update={"at_work": "Console-1"}), RELEASING, report(), None),
        (AT_WORK.model_copy(update={"at_work": ""}), RELEASING, report(), None),
    ],
    ids=[
        "nothing was found", "what was found stays", "of another stack", "what nobody saw stays",
        "a look of a day ago", "an older look", "no look before", "under way for longer",
        "the release has ended", "another release", "no release", "somebody else's operation",
        "no operation",
    ],
)  # fmt: skip
def test_the_look_before_stands_for_a_stack_that_a_release_changes_just_now(
    drift: StackDrift,
    newest: Release | None,
    before: DriftReport | None,
    stands: list[DriftFinding] | None,
) -> None:
    found = found_before(drift, newest, before, NOON, DAY)
    assert (found if found is None else list(found)) == stands


def test_of_the_rules_of_a_check_only_what_was_provisioned_and_is_red_is_drift() -> None:
    red = THING.red(Aspect.POLICY, "as written", "it is wider", why="so", remedy="provision it")
    others = [
        THING.green(Aspect.POLICY, "as written"),
        THING.unknown(Aspect.POLICY, "as written", "no key"),
        THING.red(Aspect.USE, "assumed", "refused", why="so", remedy="ask"),
        THING.red(Aspect.LIMITS, "quota", "full", why="so", remedy="ask"),
    ]
    (one,) = drift_of_accounts([red, *others])
    assert one.kind is DriftKind.POLICY
    assert one.where == "account 111111111111"
    assert (one.what, one.remedy) == ("role deployer: it is wider", "provision it")


def test_a_report_says_whether_it_is_clean_and_whether_it_tells_something_new() -> None:
    unseen = not_looked_at(STACK, "resources", "busy")
    assert report().is_clean
    assert not report(unseen).is_clean
    assert report(queue()).tells_more_than(None)
    assert report(queue()).tells_more_than(report(unseen))
    assert not report(queue()).tells_more_than(report(queue()))
    assert not report(unseen).tells_more_than(None)
    assert report(queue(), queue(where="other")).tells_more_than(report(queue()))


def test_a_report_is_read_as_it_was_written() -> None:
    before = report(queue(), left_out=3, url="http://127.0.0.1/run")
    assert read_stored(DriftReport, before.to_bytes(), "here") == before
    assert before.summary() == "1 stacks: 1 changed resource, and 3 more"


def test_a_plan_may_overwrite_what_differs_of_the_resources_that_it_changes() -> None:
    differing = report(queue(), queue(where="other"), queue(DriftKind.POLICY)).of_stack(STACK)
    assert overwritten(differing, ["Queue"]) == (queue(),)
    assert overwritten(differing, ["Table", "Inner/Queue"]) == ()


def gate(one: DriftReport | None, **settings: Any) -> DriftGate:
    return DriftGate(settings=GateSettings(**{"drift": "none", **settings}), report=one)


@pytest.mark.parametrize(
    ("gate", "allows"),
    [
        (gate(None, drift=""), True),
        (gate(report(queue()), drift=""), True),
        (gate(None), False),
        (gate(report()), True),
        (gate(report(queue())), False),
        (gate(report(not_looked_at(STACK, "resources", "busy"))), False),
        (gate(report(at=NOON - timedelta(hours=24))), True),
        (gate(report(at=NOON - timedelta(hours=24, seconds=1))), False),
        (gate(report(at=NOON - timedelta(hours=2)), drift_hours=1), False),
        (gate(report(at=NOON + timedelta(minutes=5))), True),
        (gate(report(at=NOON + timedelta(minutes=6))), False),
    ],
)
def test_the_gate_allows_what_was_looked_at_lately_and_found_as_it_was_left(
    gate: DriftGate,
    allows: bool,
) -> None:
    result = gate.judge(NOON)
    assert result.decision is (Decision.ALLOW if allows else Decision.REFUSE)
    assert bool(result.remedy) is not allows


def test_names_from_aws_are_harmless_on_the_page_and_in_the_gate() -> None:
    hostile = DriftFinding(
        kind=DriftKind.POLICY, where="<b>", what="[x](http://evil) | \u202e@you", remedy="`a`"
    )
    page = drift_page(report(hostile, queue()))
    assert "<b>" not in page
    assert "](http://evil)" not in page
    assert "\u202e" not in page
    assert "\u202e" not in gate(report(hostile)).judge(NOON).reason
