from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tiercel.domain.base.errors import ExitCode
from tiercel.domain.stack.states import StackStatus
from tiercel.domain.traffic.answers import alarm_seen, shift_of
from tiercel.domain.traffic.failures import traffic_failure
from tiercel.domain.traffic.shifts import (
    AlarmSeen,
    Shift,
    ShiftEvent,
    TakenBackBy,
    activated_alarms,
    longest_wait,
    news,
    taken_back,
)

AT = datetime(2026, 1, 2, tzinfo=UTC)
SHIFT = Shift(
    deployment="d-ABCDEFGHI",
    application="shop",
    group="answer",
    configuration="CodeDeployDefault.LambdaCanary10Percent5Minutes",
    status="InProgress",
    function="shop-answer",
    alias="live",
    old_version="1",
    new_version="2",
    hooks={"BeforeAllowTraffic": "CodeDeployHook_first"},
)
FAILED_HOOK = ShiftEvent(name="BeforeAllowTraffic", status="Failed", message="no")
STOPPED = {"status": "Stopped", "percent": 10.0}


def shift(**changes: Any) -> Shift:
    return SHIFT.model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "who"),
    [
        ({"status": "Succeeded"}, None),
        ({"status": "InProgress", "code": "ALARM_ACTIVE"}, None),
        (STOPPED | {"code": "ALARM_ACTIVE"}, TakenBackBy.ALARM),
        (STOPPED | {"code": "MANUAL_STOP"}, TakenBackBy.PERSON),
        ({"status": "Failed", "code": "TIMEOUT", "events": (FAILED_HOOK,)}, TakenBackBy.TIME),
        ({"status": "Failed", "code": "NEW_CODE", "events": (FAILED_HOOK,)}, TakenBackBy.HOOK),
        ({"status": "Failed", "code": "THROTTLED"}, TakenBackBy.OTHER),
        ({"status": "Failed"}, TakenBackBy.OTHER),
    ],
)
def test_who_took_the_traffic_back_is_told_by_code_and_hooks(
    changes: dict[str, Any], who: TakenBackBy | None
) -> None:
    assert shift(**changes).taken_back_by is who


def test_the_way_back_is_no_failure_of_its_own() -> None:
    back = shift(status="Failed", took_back="d-ABCDEFGHI")
    assert taken_back([shift(status="Succeeded"), back]) is None
    assert taken_back([back, shift(**STOPPED)]) == shift(**STOPPED)


def test_each_change_is_told_once() -> None:
    (first,) = news(None, SHIFT, "https://console.example")
    assert first.endswith("d-ABCDEFGHI https://console.example")
    assert news(SHIFT, SHIFT) == []
    done = ShiftEvent(name="BeforeAllowTraffic", status="Succeeded")
    hooked = shift(events=(done, ShiftEvent(name="AllowTraffic", status="InProgress")))
    assert news(SHIFT, hooked) == ["d-ABCDEFGHI: hook BeforeAllowTraffic Succeeded"]
    weighted = hooked.model_copy(update={"percent": 10.0})
    assert news(hooked, weighted) == ["d-ABCDEFGHI: version 2 has 10 % of the traffic"]
    over = weighted.model_copy(update={"status": "Stopped", "message": "loud"})
    assert news(weighted, over) == ["d-ABCDEFGHI: Stopped: loud"]


def test_an_event_that_no_hook_belongs_to_is_no_news() -> None:
    silent = ShiftEvent(name="AfterAllowTraffic", status="Succeeded")
    assert news(SHIFT, shift(events=(silent,))) == []


def test_a_wait_is_longer_while_traffic_shifts() -> None:
    over = shift(status="Succeeded")
    assert longest_wait([over, SHIFT]) > longest_wait([over]) == longest_wait([])


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("have been stopped. Activated alarms: <one>", ["one"]),
        ("Activated alarms: <one> <two three>", ["one", "two three"]),
        ("Activated alarms:", []),
        ("nothing <of> that", []),
    ],
)
def test_the_alarms_are_those_that_codedeploy_names(message: str, names: list[str]) -> None:
    assert activated_alarms(message) == names


@pytest.mark.parametrize(
    ("changes", "code", "needles"),
    [
        (
            STOPPED | {"code": "ALARM_ACTIVE", "rollback": "d-BACK00000"},
            "traffic.alarm",
            [
                "alarm errors",
                "AWS/Lambda Errors",
                "GreaterThanThreshold 1",
                "3 is more",
                "d-BACK00000",
            ],
        ),
        (
            {"status": "Failed", "code": "HOOK_EXECUTION_FAILURE", "events": (FAILED_HOOK,)},
            "traffic.hook",
            ["hook BeforeAllowTraffic CodeDeployHook_first", "log: it is 5", "version 1 has all"],
        ),
        (
            # Nobody tells who did that: a smoke test at the first step, whose run died, did, too.
            STOPPED | {"code": "MANUAL_STOP"},
            "traffic.stopped",
            ["the shift of traffic was stopped: ", "10 %", "may still share", "died before it"],
        ),
        (STOPPED | {"refused": "answer: 5, expected: 4"}, "traffic.smoke_test", ["expected: 4"]),
        ({"status": "Failed", "code": "TIMEOUT"}, "traffic.timed_out", ["TIMEOUT"]),
        ({"status": "Failed", "code": "THROTTLED"}, "traffic.failed", ["THROTTLED"]),
    ],
)
def test_a_failure_says_who_why_and_what_is_so_now(
    changes: dict[str, Any], code: str, needles: list[str]
) -> None:
    alarm = AlarmSeen(
        name="errors",
        state="ALARM",
        metric="AWS/Lambda Errors",
        threshold="GreaterThanThreshold 1",
        reason="3 is more",
    )
    error = traffic_failure(
        shift(**changes),
        "stack shop",
        StackStatus.UPDATE_ROLLBACK_COMPLETE,
        [alarm] if code == "traffic.alarm" else [],
        ["it is 5"] if code == "traffic.hook" else [],
    )
    assert (error.code, error.exit_code) == (code, ExitCode.DEPLOY_FAILED)
    failure = error.failure
    told = "\n".join((failure.what, failure.why, failure.state, failure.remedy))
    assert [one for one in needles if one not in told] == []
    assert failure.remedy


def test_what_codedeploy_does_not_tell_is_empty() -> None:
    bare = shift_of({"deploymentId": "d-1"}, {})
    assert (bare.deployment, bare.status, bare.events, bare.hooks) == ("d-1", "", (), {})
    revision = {"appSpecContent": {"content": "version: 0.0\nHooks: []"}}
    assert shift_of({"deploymentId": "d-1", "revision": revision}, {}).hooks == {}


def test_a_shift_is_what_two_answers_of_codedeploy_say() -> None:
    content = json.dumps({"Hooks": [{"BeforeAllowTraffic": "CodeDeployHook_first"}]})
    info = {
        "deploymentId": "d-1",
        "applicationName": "shop",
        "deploymentGroupName": "answer",
        "deploymentConfigName": "own",
        "status": "Stopped",
        "errorInformation": {"code": "ALARM_ACTIVE", "message": "loud"},
        "rollbackInfo": {"rollbackDeploymentId": "d-2"},
        "revision": {"appSpecContent": {"content": content}},
        "createTime": AT,
    }
    function = {
        "functionName": "f",
        "functionAlias": "live",
        "currentVersion": "1",
        "targetVersion": "2",
        "targetVersionWeight": 0.1,
    }
    event = {
        "lifecycleEventName": "AllowTraffic",
        "status": "Failed",
        "diagnostics": {"message": "loud"},
    }
    told = shift_of(info, {"lambdaFunctionInfo": function, "lifecycleEvents": [event]})
    assert (told.percent, told.old_version, told.new_version) == (10.0, "1", "2")
    assert (told.code, told.rollback, told.began) == ("ALARM_ACTIVE", "d-2", AT)
    assert told.hooks == {"BeforeAllowTraffic": "CodeDeployHook_first"}
    assert told.failed_hook is None
    assert Shift.model_validate_json(told.model_dump_json()) == told


def test_a_composite_alarm_has_neither_metric_nor_threshold() -> None:
    seen = alarm_seen("both", {"StateValue": "ALARM", "StateReason": "one of two"})
    assert seen == AlarmSeen(name="both", state="ALARM", reason="one of two")
    assert seen.line() == "alarm both is ALARM: one of two"


def test_a_line_says_who_took_the_traffic_back_and_how_long_it_took() -> None:
    ended = AT + timedelta(seconds=75)
    stopped = shift(**STOPPED, code="ALARM_ACTIVE", began=AT, ended=ended)
    assert stopped.line() == (
        "d-ABCDEFGHI: shop-answer:live from version 1 to 2: Stopped by alarm in 1 min 15 s, "
        "10 % of the traffic"
    )
    assert shift(began=AT, ended=AT).took == "0 s"
    assert SHIFT.took == ""
