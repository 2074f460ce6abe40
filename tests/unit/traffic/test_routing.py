from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samtranslator.model.preferences.deployment_preference_collection import (
    CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST,
)

from tiercel.domain.traffic.routing import PREDEFINED, Routing, RoutingKind, predefined

START = "CodeDeployDefault.Lambda"


@pytest.mark.parametrize(
    ("name", "shares", "minutes"),
    [
        ("AllAtOnce", [(0, 100)], 0),
        ("Canary10Percent5Minutes", [(0, 10), (5, 100)], 5),
        ("Canary10Percent30Minutes", [(0, 10), (30, 100)], 30),
        ("Linear10PercentEvery1Minute", [(n, 10 * n + 10) for n in range(10)], 9),
        ("Linear10PercentEvery3Minutes", [(3 * n, 10 * n + 10) for n in range(10)], 27),
    ],
)
def test_a_configuration_of_aws_shifts_as_its_name_says(
    name: str, shares: list[tuple[int, int]], minutes: int
) -> None:
    routing = predefined(START + name)
    assert routing
    assert [(one.minute, one.percent) for one in routing.shares] == shares
    assert routing.least_minutes == minutes


def test_every_type_of_sams_that_is_for_functions_is_known() -> None:
    names = {START + name for name in CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST}
    assert names == set(PREDEFINED)
    assert all(predefined(name) for name in PREDEFINED)


@pytest.mark.parametrize("name", ["Canary10Percent2Minutes", "AllAtOnce\n", "Linear10Percent", ""])
def test_a_name_that_aws_does_not_offer_is_no_configuration(name: str) -> None:
    assert predefined(START + name) is None


@given(st.sampled_from(RoutingKind), st.integers(1, 99), st.integers(1, 2880))
def test_shares_only_grow_begin_at_once_and_end_with_all(
    kind: RoutingKind, percent: int, minutes: int
) -> None:
    shares = Routing(kind=kind, percent=percent, minutes=minutes).shares
    assert shares[0].minute == 0
    assert [one.percent for one in shares] == sorted({one.percent for one in shares})
    assert [one.minute for one in shares] == sorted({one.minute for one in shares})
    assert shares[-1].percent == 100
