"""Which lines of a run's log are about a service, and which of them a person can do without."""

from __future__ import annotations

import pytest

from tiercel.domain.artifact.manifest import moved_words
from tiercel.domain.stack.events import StackEvent
from tiercel.domain.stack.run_log import is_detail, subject_of


def event(status: str, reason: str = "") -> str:
    return StackEvent("1", "OrdersTable", "AWS::DynamoDB::Table", status, reason).line()


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        ("orders: release 3 is live", "orders"),
        (f"orders: {event('CREATE_COMPLETE')}", "orders"),
        ("acme-ephemeral-pr3-catalog: deleted", "acme-ephemeral-pr3-catalog"),
        ("orders: ", ""),
        ("GitHub release v0.1.0: http://127.0.0.1/acme/shop", ""),
        ("plan 51d33a8c5bd2: approved by reviewer", ""),
        ("verified: 1 built, 3 unchanged", ""),
        ("failed: orders", ""),
        ("Orders: a sentence", ""),
    ],
)
def test_a_line_is_of_the_service_that_it_begins_with(line: str, subject: str) -> None:
    assert subject_of(line) == subject


@pytest.mark.parametrize(
    ("told", "detail"),
    [
        *((event(status), True) for status in ("CREATE_IN_PROGRESS", "UPDATE_COMPLETE")),
        (event("UPDATE_ROLLBACK_COMPLETE"), True),
        (event("CREATE_FAILED", "it exists"), False),
        (event("UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed"), False),
        *((moved_words(moved, 3, "staged"), True) for moved in range(4)),
        (moved_words(2, 3, "pulled from preprod"), True),
        ("pulled already", True),
        ("plan: 3 to add, 0 to modify, 0 to remove", False),
        ("d-1ECU99M1V: version 2 has 10 % of the traffic", False),
        ("unchanged, release 1 is live", False),
        ("3 packages were refused", False),
    ],
)
def test_events_without_harm_and_packages_on_their_way_are_details(
    told: str, *, detail: bool
) -> None:
    assert is_detail(f"orders: {told}") is detail
