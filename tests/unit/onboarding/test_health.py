from __future__ import annotations

import pytest

from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.onboarding.health import (
    Health,
    clock_health,
    failed,
    git_health,
    no_github_credentials,
    program_health,
    python_health,
    workers_health,
)


@pytest.mark.parametrize(
    ("said", "health"),
    [
        ("git version 2.39.0\n", Health.WELL),
        ("git version 2.50.1 (Apple Git-155)\n", Health.WELL),
        ("git version 3.0.0\n", Health.WELL),
        ("git version 2.38.9\n", Health.WRONG),
        ("", Health.WRONG),
    ],
)
def test_git_has_to_be_new_enough(said: str, health: Health) -> None:
    assert git_health(said).health is health


@pytest.mark.parametrize(
    ("version", "health"),
    [
        ((3, 10), Health.WRONG),
        ((3, 11), Health.WELL),
        ((3, 13), Health.WELL),
        ((3, 14), Health.WRONG),
    ],
)
def test_python_has_to_be_one_that_is_tested(version: tuple[int, int], health: Health) -> None:
    assert python_health(version, "").health is health


@pytest.mark.parametrize(
    ("ahead", "health"),
    [(0.4, Health.WELL), (-59.0, Health.WELL), (61.0, Health.WRONG), (-7200.0, Health.WRONG),
     (None, Health.NOT_LOOKED_AT)],
)  # fmt: skip
def test_a_clock_may_be_a_minute_off(ahead: float | None, health: Health) -> None:
    assert clock_health("preprod", ahead).health is health


@pytest.mark.parametrize(
    ("online", "remedy"),
    [(None, "run `tiercel up`"), ((), "start one with `tiercel worker preprod`"), (("one",), "")],
)
def test_workers_have_to_be_online(online: tuple[str, ...] | None, remedy: str) -> None:
    assert workers_health("preprod", online).remedy.startswith(remedy)


def test_what_is_not_well_has_a_remedy() -> None:
    wrong = [
        git_health(""),
        python_health((3, 9), ""),
        clock_health("prod", 300),
        workers_health("prod", ()),
        program_health("npm", "", "services with a package.json"),
        no_github_credentials(),
        failed("prod", "x", UnreachableError("a.b", "no answer", why="refused", remedy="wait")),
    ]
    assert all(one.remedy and one.health is not Health.WELL for one in wrong)
    assert program_health("npm", "/usr/bin/npm", "").health is Health.WELL
