"""Which change sets that were made to be shown a run deletes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tiercel.domain.stack.tokens import discardable_plans, outside_name, pull_request_plan

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
OWN = pull_request_plan(17, "a" * 40, "b" * 64)
OTHERS = pull_request_plan(17, "a" * 40, "c" * 64)
OF_OTHER_PULL_REQUEST = pull_request_plan(171, "a" * 40, "b" * 64)


@pytest.mark.parametrize(
    ("name", "minutes", "goes"),
    [
        (OWN, 1, True),
        (outside_name(OWN), 1, True),
        (OTHERS, 1, False),
        (OTHERS, 60, False),
        (OTHERS, 61, True),
        (outside_name(OTHERS), 61, True),
        (OF_OTHER_PULL_REQUEST, 9_999, False),
        ("release-6-attempt-1", 9_999, False),
        (f"my-{OTHERS}", 9_999, False),
    ],
)
def test_a_run_deletes_its_own_plans_and_those_that_no_run_is_at_work_with(
    name: str, minutes: int, goes: bool
) -> None:
    made = [(name, NOW - timedelta(minutes=minutes))]
    found = discardable_plans(made, 17, (OWN, outside_name(OWN)), NOW)
    assert found == ([name] if goes else [])
