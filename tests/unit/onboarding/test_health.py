from __future__ import annotations

import pytest

from tiercel.domain.base.errors import UnreachableError
from tiercel.domain.onboarding.health import (
    Health,
    clock_health,
    failed,
    git_health,
    no_github_credentials,
    pools_health,
    program_health,
    python_health,
    roles_health,
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
    [
        (None, "see whether PREFECT_API_URL is preprod's server"),
        ((), "start one with `tiercel worker preprod`"),
        (("one",), ""),
    ],
)
def test_workers_have_to_be_online(online: tuple[str, ...] | None, remedy: str) -> None:
    assert workers_health("preprod", online).remedy.startswith(remedy)


ELSEWHERE = Health.NOT_LOOKED_AT


@pytest.mark.parametrize(
    ("online", "all_asked", "health"),
    [
        ({"preprod": ["one"], "prod": None}, False, [Health.WELL, ELSEWHERE]),
        ({"preprod": None, "prod": ["one"]}, False, [ELSEWHERE, Health.WELL]),
        ({"preprod": [], "prod": None}, False, [Health.WRONG, ELSEWHERE]),
        ({"preprod": ["one"], "prod": []}, False, [Health.WELL, Health.WRONG]),
        ({"preprod": None, "prod": None}, False, [Health.WRONG, Health.WRONG]),
        ({"preprod": ["one"], "prod": None}, True, [Health.WELL, Health.WRONG]),
        ({"prod": None}, True, [Health.WRONG]),
    ],
)
def test_a_server_of_another_environment_needs_no_pool_of_this_one(
    online: dict[str, list[str] | None], all_asked: bool, health: list[Health]
) -> None:
    found = pools_health(online, all_asked=all_asked)
    assert [one.health for one in found] == health
    for one in found:
        assert "`tiercel up`" not in one.remedy
        assert "tiercel up" not in one.remedy or f"--environment {one.area}`" in one.remedy
        assert one.health is not ELSEWHERE or f"`tiercel doctor {one.area}`" in one.remedy


REFUSED = UnreachableError("aws.not_allowed", "not allowed to become it", remedy="provision")
AWAY = UnreachableError("aws.no_answer", "AWS did not answer", remedy="wait")


@pytest.mark.parametrize(
    ("preprod", "prod", "all_asked", "health"),
    [
        ("arn", REFUSED, False, [Health.WELL, ELSEWHERE]),
        (REFUSED, "arn", False, [ELSEWHERE, Health.WELL]),
        ("arn", AWAY, False, [Health.WELL, Health.WRONG]),
        (REFUSED, REFUSED, False, [Health.WRONG, Health.WRONG]),
        ("arn", REFUSED, True, [Health.WELL, Health.WRONG]),
        ("arn", "arn", False, [Health.WELL, Health.WELL]),
    ],
)
def test_credentials_of_another_environment_need_not_become_roles_of_this_one(
    preprod: str | UnreachableError,
    prod: str | UnreachableError,
    all_asked: bool,
    health: list[Health],
) -> None:
    tried = {name: {"auditor": one} for name, one in (("preprod", preprod), ("prod", prod))}
    found = roles_health(tried, all_asked=all_asked)
    assert [one.health for each in found.values() for one in each] == health


def test_an_environment_that_lets_in_by_one_of_its_roles_is_ones_own() -> None:
    found = roles_health({"prod": {"orchestrator": "arn", "auditor": REFUSED}}, all_asked=False)
    assert [one.health for one in found["prod"]] == [Health.WELL, Health.WRONG]


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
