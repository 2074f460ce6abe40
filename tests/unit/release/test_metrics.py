"""DORA's four figures, worked out by hand for small histories."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.releases import NOON, outcome, release
from tiercel.domain.release.ledger import Purpose, Rejection, Release, ReleaseStatus
from tiercel.domain.release.metrics import Figures, brought_by, figures

REPOSITORY = "acme/shop"
WEEK = timedelta(days=7)


def hours(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def ran(
    number: int,
    at: float,
    commit: str,
    service: str = "orders",
    *,
    purpose: Purpose = Purpose.PROMOTION,
    status: ReleaseStatus = ReleaseStatus.SUCCEEDED,
    deployed: bool = True,
    **more: Any,
) -> Release:
    made = release(
        outcome(at=hours(at), status=status, deployed=deployed),
        stack=f"acme-prod-{service}",
        service=service,
        number=number,
        commit=commit * 40,
        purpose=purpose,
    )
    return made.model_copy(update=more)


def of(releases: list[Release], subject: str = "all", **commits: list[float]) -> Figures:
    times = {(REPOSITORY, name * 40): list(map(hours, made)) for name, made in commits.items()}
    found = figures(releases, times, NOON, NOON + WEEK)
    return next(one for one in found if one.subject == subject)


def test_a_commit_counts_once_in_all_and_once_for_each_service() -> None:
    history = [
        ran(1, 1, "a"),
        ran(1, 2, "a", "web"),
        ran(2, 3, "b"),
        ran(3, 4, "c", purpose=Purpose.DRILL),
        ran(4, 5, "d", deployed=False, status=ReleaseStatus.FAILED),
    ]

    assert (of(history).deployments, of(history).deployments_per_week) == (2, 2.0)
    assert (of(history, "orders").deployments, of(history, "web").deployments) == (2, 1)


def test_only_the_time_that_is_asked_for_counts() -> None:
    history = [ran(1, -1, "a"), ran(2, 0, "b"), ran(3, 24 * 7, "c")]

    assert of(history).deployments == 1
    assert of([]).deployments == 0
    assert of([]).change_failure_rate is None


def test_lead_time_is_the_median_over_the_commits_that_were_brought() -> None:
    history = [ran(1, 0, "a"), ran(2, 10, "b"), ran(2, 12, "b", "web")]

    found = of(history, b=[0, 4, 9])

    assert (found.commits, found.lead_time_hours) == (3, 8.0)
    assert of(history, "orders", b=[0, 4, 9]).lead_time_hours == 6.0
    assert of(history).lead_time_hours is None


ROLLBACK = Purpose.ROLLBACK
FAILED = ReleaseStatus.FAILED


def back(number: int, at: float, commit: str, restores: int) -> Release:
    made = ran(number, at, commit, purpose=ROLLBACK)
    intent = made.intent.model_copy(update={"restores": restores})
    return made.model_copy(update={"intent": intent})


REJECTION = Rejection(by="ada", reason="slow", at=NOON)


@pytest.mark.parametrize(
    ("history", "failed", "rate", "restore"),
    [
        ([ran(1, 0, "a"), ran(2, 5, "b")], 0, 0.0, None),
        ([ran(1, 0, "a"), ran(2, 5, "b", status=FAILED)], 1, 0.5, None),
        # It goes back by itself, and what comes next is no failure.
        (
            [
                ran(1, 0, "a"),
                ran(2, 5, "b", status=FAILED),
                ran(3, 6, "a", purpose=ROLLBACK),
                ran(4, 9, "c"),
            ],
            1,
            0.3333,
            1.0,
        ),
        # Somebody goes back.
        ([ran(1, 0, "a"), ran(2, 5, "b"), ran(3, 8, "a", purpose=ROLLBACK)], 1, 0.5, 3.0),
        # A rollback that failed restores nothing.
        (
            [
                ran(1, 0, "a"),
                ran(2, 5, "b"),
                ran(3, 8, "a", purpose=ROLLBACK, status=FAILED),
                ran(4, 11, "c"),
            ],
            1,
            0.3333,
            6.0,
        ),
        ([ran(1, 0, "a"), ran(2, 5, "b", rejection=REJECTION), ran(3, 7, "c")], 1, 0.3333, 2.0),
        # Back to the release that runs: only what had drifted is brought back.
        ([ran(1, 0, "a"), ran(2, 5, "b"), back(3, 8, "b", 2)], 0, 0.0, None),
        ([ran(1, 0, "a"), ran(2, 5, "b"), back(3, 8, "a", 1)], 1, 0.5, 3.0),
    ],
)
def test_a_change_fails_by_its_smoke_test_a_rollback_or_a_word(
    history: list[Release], failed: int, rate: float, restore: float | None
) -> None:
    for subject in ("all", "orders"):
        found = of(history, subject)
        assert (found.failed, found.change_failure_rate) == (failed, rate)
        assert found.time_to_restore_hours == restore
        assert found.restored == (0 if restore is None else 1)


def test_all_is_restored_when_the_last_service_is() -> None:
    history = [
        ran(1, 0, "a", status=FAILED),
        ran(2, 1, "z", purpose=ROLLBACK),
        ran(1, 0, "a", "web", status=FAILED),
    ]
    assert of(history).restored == 0

    restored = of([*history, ran(2, 4, "z", "web", purpose=ROLLBACK)])

    assert (restored.failed, restored.restored, restored.time_to_restore_hours) == (1, 1, 4.0)


def test_a_commit_brings_what_the_one_before_it_did_not_have() -> None:
    history = [ran(2, 5, "b"), ran(1, 0, "a"), ran(1, 6, "b", "web"), ran(3, 9, "c")]

    # What the first one brought is not known.
    brought = [((REPOSITORY, "b" * 40), "a" * 40), ((REPOSITORY, "c" * 40), "b" * 40)]
    assert brought_by(history) == brought
    assert brought_by(history, hours(6)) == brought
    assert brought_by(history, hours(7)) == brought[1:]
