from __future__ import annotations

from typing import Any

import pytest

from tiercel.domain.traffic.first_step import FirstStep, to_ask, with_refusal
from tiercel.domain.traffic.shifts import Shift, TakenBackBy

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
    percent=10.0,
)
ALIAS = "arn:aws:lambda:eu-central-1:123456789012:function:shop-answer:live"


def shift(**changes: Any) -> Shift:
    return SHIFT.model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "resource", "is_asked"),
    [
        ({}, "shop-answer", True),
        ({}, ALIAS, True),
        ({}, "answer", False),
        ({}, ALIAS.replace("live", "test"), False),
        ({}, ALIAS.replace("shop-answer", "other-shop-answer"), False),
        ({"percent": 0.0}, "shop-answer", False),
        ({"status": "Succeeded", "percent": 100.0}, "shop-answer", False),
        ({"status": "Stopped"}, "shop-answer", False),
        ({"took_back": "d-IHGFEDCBA"}, "shop-answer", False),
    ],
)
def test_a_version_is_asked_while_it_has_a_share_of_the_traffic_of_what_the_test_names(
    changes: dict[str, Any], resource: str, is_asked: bool
) -> None:
    other = shift(deployment="d-OTHER0000", function="shop-other")
    found = to_ask([other, shift(**changes)], resource)
    assert found == (shift(**changes) if is_asked else None)


@pytest.mark.parametrize(
    ("first", "code", "who"),
    [
        (FirstStep(deployment="d-ABCDEFGHI", problem="no"), "MANUAL_STOP", TakenBackBy.SMOKE_TEST),
        (FirstStep(deployment="d-ABCDEFGHI", problem="no"), "ALARM_ACTIVE", TakenBackBy.ALARM),
        (FirstStep(deployment="d-ABCDEFGHI", answer="yes"), "MANUAL_STOP", TakenBackBy.PERSON),
        (FirstStep(deployment="d-OTHER0000", problem="no"), "MANUAL_STOP", TakenBackBy.PERSON),
        (None, "MANUAL_STOP", TakenBackBy.PERSON),
    ],
)
def test_a_shift_that_the_smoke_test_stopped_is_told_from_one_that_others_stopped(
    first: FirstStep | None, code: str, who: TakenBackBy
) -> None:
    (told,) = with_refusal([shift(status="Stopped", code=code)], first)
    assert told.taken_back_by is who
