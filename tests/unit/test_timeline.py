from __future__ import annotations

import pytest

from tiercel.cli.demo.timeline import (
    TimedService,
    TimedStep,
    service_of_step,
    short_step,
    timed_flows,
)

FLOWS = {"1": "verify", "2": "deploy", "3": "deploy"}
STEPS = (
    TimedStep("fetch acme/shop", 0.0, 1.0, "1"),
    TimedStep("plan acme-preprod-orders", 2.0, 3.0, "2"),
    TimedStep("plan acme-preprod-web", 3.0, 1.0, "2"),
    TimedStep("smoke test acme-preprod-web", 6.0, 0.5, "3"),
    TimedStep("smoke test acme-preprod-orders", 6.0, 2.0, "3"),
)


def test_flows_and_their_services_come_with_the_longest_first() -> None:
    deploy, verify = timed_flows(STEPS, FLOWS, {"orders", "web"})

    assert (deploy.name, deploy.runs, verify.name, verify.runs) == ("deploy", 2, "verify", 1)
    assert deploy.services == (
        TimedService("orders", 5.0, "plan acme-preprod-orders"),
        TimedService("web", 1.5, "plan acme-preprod-web"),
    )
    assert verify.services == (TimedService("", 1.0, "fetch acme/shop"),)


def test_what_runs_side_by_side_counts_once() -> None:
    deploy, _ = timed_flows(STEPS, FLOWS, {"orders", "web"})

    assert deploy.seconds == 5.0


def test_a_step_with_parts_is_told_by_these() -> None:
    group = TimedStep("release orders", 2.0, 9.0, "2", has_parts=True)

    assert timed_flows((*STEPS, group), FLOWS, {"orders"}) == timed_flows(STEPS, FLOWS, {"orders"})


@pytest.mark.parametrize(
    ("step", "service"),
    [
        ("verify orders", "orders"),
        ("smoke test acme-prod-orders", "orders"),
        ("smoke test acme-prod-orders-web", "orders-web"),
        ("set status tiercel/preprod/orders success", "orders"),
        ("reorders everything", ""),
        ("fetch acme/shop", ""),
    ],
)
def test_a_step_is_of_the_service_whose_name_stands_in_it(step: str, service: str) -> None:
    assert service_of_step(step, {"orders", "orders-web"}) == service


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        (f"fetch acme/shop {'5591ad0' + 'e' * 33}", "fetch acme/shop 5591ad0"),
        ("smoke test acme-prod-orders", "smoke test acme-prod-orders"),
        ("look at arn:aws:iam::222222222222:role/x", "look at arn:aws:iam::222222222222:role/x"),
    ],
)
def test_a_commit_in_the_name_of_a_step_is_cut_to_what_people_know(step: str, shown: str) -> None:
    assert short_step(step) == shown
