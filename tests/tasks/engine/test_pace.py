from __future__ import annotations

import pytest

from tiercel.tasks.engine.pace import PACE_VARIABLE, PacedDelays, paced
from tiercel.tasks.engine.task import world_task

SANDBOXES = ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"]


@pytest.mark.parametrize("endpoint", SANDBOXES)
def test_beside_a_sandbox_a_wait_takes_the_share_that_is_said(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv(PACE_VARIABLE, "0.02")
    assert paced(100.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "endpoint",
    [None, "", "https://vpce-1.s3.eu-central-1.vpce.amazonaws.com", "http://127.0.0.1.example.com"],
)
def test_a_pace_that_is_left_in_the_environment_hurries_nothing_that_is_real(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None
) -> None:
    monkeypatch.setenv(PACE_VARIABLE, "0.02")
    if endpoint is None:
        monkeypatch.delenv("AWS_ENDPOINT_URL")
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert paced(100.0) == 100.0


def test_a_wait_is_not_shortened_below_its_least_nor_made_longer() -> None:
    assert paced(0.05) == 0.02
    assert paced(60.0, least=5.0) == 5.0
    assert paced(0.005) == 0.005


@pytest.mark.real_time
def test_where_the_marker_says_so_waits_are_real() -> None:
    assert paced(60.0) == 60.0


@pytest.mark.parametrize("said", ["fast", "", "0", "-1", "1.5", "nan", "inf"])
def test_a_pace_that_is_no_share_is_none(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(PACE_VARIABLE, said)
    assert paced(60.0) == 60.0


def test_tasks_are_tried_again_at_the_pace_of_their_time_and_not_of_their_import(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delays = world_task("does nothing")(lambda: None).task.retry_delay_seconds
    assert isinstance(delays, PacedDelays)
    assert [delays[place] for place in range(4)] == [0.02, 0.04, 0.08, 0.16]
    monkeypatch.delenv(PACE_VARIABLE)
    assert [delays[place] for place in range(4)] == [1, 2, 4, 8]
