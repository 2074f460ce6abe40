"""Environments on demand: who gets one, how many, for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.codes import because
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.asking import (
    NOBODY,
    Asker,
    owner_by_label_of,
    owner_of,
    require_own_branch,
)
from tiercel.domain.ephemeral.environments import (
    EphemeralRecord,
    EphemeralState,
    EphemeralWish,
    OriginKind,
    begun,
    came_up,
    deletion_waits,
    extended,
    going_down,
    in_state,
    information_tags,
    overtaken_by,
    require_name_of_its_own,
    require_within_limits,
    seeded,
)
from tiercel.domain.gitflow.pull_requests import PullRequest
from tiercel.domain.organization.on_demand import EphemeralSettings

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SETTINGS = EphemeralSettings(default_hours=24, longest_hours=48, most_of_one=2, most_of_all=3)
WISH = EphemeralWish(
    name="login",
    owner="ada",
    purpose="see the login",
    origin=OriginKind.BRANCH,
    origin_of="feature/login",
    repository="acme/shop",
    commit="a" * 40,
    services={"storage": (), "orders": ("storage",)},
    flow_run="run-1",
)
RECORD = begun(None, WISH, SETTINGS, NOW)


def record(name: str, owner: str = "ada", minute: int = 0, **more: object) -> EphemeralRecord:
    made = {"name": name, "owner": owner, "created": NOW + timedelta(minutes=minute)}
    return RECORD.model_copy(update=made | more)


def test_a_new_one_lives_for_the_default_time() -> None:
    assert RECORD.expires == NOW + timedelta(hours=24)
    assert (RECORD.state, RECORD.generation) == (EphemeralState.COMING_UP, 1)


@pytest.mark.parametrize(("hours", "is_allowed"), [(1, True), (48, True), (49, False), (-1, False)])
def test_nobody_asks_for_longer_than_the_longest_life(hours: int, is_allowed: bool) -> None:
    wish = WISH.__class__(**{**WISH.__dict__, "hours": hours})
    if is_allowed:
        assert begun(None, wish, SETTINGS, NOW).expires == NOW + timedelta(hours=hours)
        return
    with pytest.raises(RefusedInputError, check=because("ephemeral.too_long")):
        begun(None, wish, SETTINGS, NOW)


def test_a_newer_commit_of_the_same_origin_keeps_owner_age_and_expiry() -> None:
    up = in_state(RECORD, EphemeralState.UP, 1)
    newer = {
        **WISH.__dict__,
        "commit": "b" * 40,
        "owner": "bob",
        "services": {"catalog": ("storage",)},
    }
    updated = begun(up, EphemeralWish(**newer), SETTINGS, NOW + timedelta(hours=3))
    assert (updated.owner, updated.created, updated.expires) == ("ada", NOW, RECORD.expires)
    assert (updated.commit, updated.services) == (
        "b" * 40,
        ("storage", "orders", "catalog"),
    )
    assert updated.state is EphemeralState.COMING_UP


@pytest.mark.parametrize(
    ("hours", "after", "run", "until"),
    [
        (30, 3, "run-2", 33),
        (2, 3, "run-2", 24),
        (0, 22.9, "run-2", 24),
        (0, 23.9, "run-2", 47.9),
        (0, 23.9, "run-1", 47.9),
        (0, 24, "run-2", 48),
        (8, 24, "run-2", 32),
        (0, 30, "run-2", 48),
        (0, 30.5, "run-2", 47.5),
        (0, 47, "run-2", 48),
        (46, 3, "run-1", 24),
        (46, 3, "run-2", 48),
        (2, 47, "run-2", 48),
        (48, 23.5, "run-2", 47.5),
        (0, 30, "run-1", 48),
        (8, 30, "run-1", 38),
    ],
)
def test_one_that_is_there_lives_on_if_hours_are_asked_for_or_its_time_is_over(
    hours: int, after: float, run: str, until: float
) -> None:
    wish = replace(WISH, hours=hours, flow_run=run)
    updated = begun(RECORD, wish, SETTINGS, NOW + timedelta(hours=after))
    assert updated.expires == NOW + timedelta(hours=until)
    assert (updated.created, updated.flow_run) == (NOW, run)


def test_one_that_lives_to_the_end_of_the_longest_life_is_brought_up_in_its_last_hour() -> None:
    oldest = extended(RECORD, 48, SETTINGS, NOW)
    wish = replace(WISH, hours=8, flow_run="run-2")
    updated = begun(oldest, wish, SETTINGS, NOW + timedelta(hours=47.5))
    assert updated.expires == NOW + timedelta(hours=48)


@pytest.mark.parametrize(
    ("hours", "after", "code"),
    [
        (49, 3, "ephemeral.too_long"),
        (-1, 3, "ephemeral.too_long"),
        (10**12, 3, "ephemeral.too_long"),
        (2, 47.1, "ephemeral.no_time_left"),
        (0, 47.1, "ephemeral.no_time_left"),
        (0, 60, "ephemeral.no_time_left"),
    ],
)
def test_one_that_is_there_is_not_brought_up_past_the_longest_life(
    hours: int, after: float, code: str
) -> None:
    wish = replace(WISH, hours=hours, flow_run="run-2")
    with pytest.raises(RefusedInputError, check=because(code)):
        begun(RECORD, wish, SETTINGS, NOW + timedelta(hours=after))


def test_one_that_is_gone_is_made_anew_with_nothing_of_the_old_one() -> None:
    gone = seeded(RECORD, "orders", 1).model_copy(update={"state": EphemeralState.GONE})
    again = begun(gone, WISH, SETTINGS, NOW + timedelta(days=9))
    assert (again.generation, again.seeded) == (2, ())
    assert again.created == NOW + timedelta(days=9)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (record("login", origin_of="feature/logout"), "ephemeral.name_taken"),
        (record("login", origin=OriginKind.COMMIT), "ephemeral.name_taken"),
        (record("login", repository="acme/tea"), "ephemeral.name_taken"),
        (record("login", state=EphemeralState.GOING_DOWN), "ephemeral.going_down"),
    ],
)
def test_a_name_that_something_else_has_is_refused(found: EphemeralRecord, code: str) -> None:
    with pytest.raises(RefusedInputError, check=because(code)):
        begun(found, WISH, SETTINGS, NOW)


def test_the_name_of_an_environment_that_stays_is_not_given_away() -> None:
    with pytest.raises(RefusedInputError, check=because("ephemeral.name_of_environment")):
        require_name_of_its_own("prod", {"preprod", "prod"})
    require_name_of_its_own("prod2", {"preprod", "prod"})


@pytest.mark.parametrize(
    ("others", "is_allowed"),
    [
        ([], True),
        ([record("a", minute=-1)], True),
        ([record("a", minute=-1), record("b", minute=-2)], False),
        ([record("a", "ADA", minute=-1), record("b", minute=-2)], False),
        ([record("a", minute=-1), record("b", minute=1)], True),
        ([record("a", minute=-1), record("b", minute=-1, state=EphemeralState.GONE)], True),
        ([record("a", minute=-1), record("b", minute=-1, state=EphemeralState.GOING_DOWN)], False),
        ([record(one, one, minute=-1) for one in "xyz"], False),
        ([record(one, one, minute=-1) for one in "xy"], True),
        ([record("login", minute=-9)], True),
    ],
)
def test_the_limits_of_each_person_and_of_all_hold(
    others: list[EphemeralRecord], is_allowed: bool
) -> None:
    own = record("login")
    if is_allowed:
        require_within_limits(own, [own, *others], SETTINGS)
        return
    with pytest.raises(RefusedInputError, check=because("ephemeral.too_many")):
        require_within_limits(own, [own, *others], SETTINGS)


def test_what_nobody_owns_has_one_limit_together() -> None:
    others = [record("a", "", minute=-1), record("b", "", minute=-1)]
    with pytest.raises(RefusedInputError, check=because("ephemeral.too_many")):
        require_within_limits(record("login", ""), others, SETTINGS)
    require_within_limits(record("login", "ada"), others, SETTINGS)


@given(st.lists(st.tuples(st.sampled_from(["ada", "bob", ""]), st.integers(0, 3)), max_size=8))
def test_of_many_at_once_never_more_are_left_than_the_limits_allow(
    asked: list[tuple[str, int]],
) -> None:
    """Each has written its record, then looks at all: the worst order of all."""
    all_of_them = [record(f"e{i}", owner, minute) for i, (owner, minute) in enumerate(asked)]
    left = []
    for one in all_of_them:
        try:
            require_within_limits(one, all_of_them, SETTINGS)
        except RefusedInputError:
            continue
        left.append(one)
    assert len(left) <= SETTINGS.most_of_all
    for owner in ("ada", "bob", ""):
        assert len([one for one in left if one.owner == owner]) <= SETTINGS.most_of_one
    assert left or not all_of_them


def test_a_life_is_extended_from_now_and_never_shortened() -> None:
    later = NOW + timedelta(hours=20)
    assert extended(RECORD, 10, SETTINGS, later).expires == NOW + timedelta(hours=30)
    assert extended(RECORD, 1, SETTINGS, later).expires == RECORD.expires


@pytest.mark.parametrize(
    ("hours", "after", "state", "code"),
    [
        (49, 0, EphemeralState.UP, "ephemeral.too_long_in_all"),
        (10**12, 0, EphemeralState.UP, "ephemeral.too_long_in_all"),
        (2, 47, EphemeralState.UP, "ephemeral.too_long_in_all"),
        (0, 0, EphemeralState.UP, "ephemeral.too_long_in_all"),
        (-5, 0, EphemeralState.UP, "ephemeral.too_long_in_all"),
        (1, 0, EphemeralState.GONE, "ephemeral.not_there"),
        (1, 0, EphemeralState.GOING_DOWN, "ephemeral.not_there"),
    ],
)
def test_no_life_is_extended_past_the_longest_or_after_its_end(
    hours: int, after: int, state: EphemeralState, code: str
) -> None:
    found = RECORD.model_copy(update={"state": state})
    with pytest.raises(RefusedInputError, check=because(code)):
        extended(found, hours, SETTINGS, NOW + timedelta(hours=after))


def test_a_change_of_an_older_generation_changes_nothing() -> None:
    again = RECORD.model_copy(update={"generation": 2})
    assert in_state(again, EphemeralState.GONE, 1) == again
    assert seeded(again, "orders", 1) == again
    assert seeded(seeded(again, "orders", 2), "orders", 2).seeded == ("orders",)


@pytest.mark.parametrize(
    ("seconds", "state", "has_expired"),
    [
        (-1, EphemeralState.UP, False),
        (0, EphemeralState.UP, True),
        (1, EphemeralState.COMING_UP, True),
        (1, EphemeralState.GOING_DOWN, True),
        (1, EphemeralState.GONE, False),
    ],
)
def test_only_what_is_there_can_expire(
    seconds: int, state: EphemeralState, has_expired: bool
) -> None:
    found = RECORD.model_copy(update={"state": state})
    assert found.has_expired(found.expires + timedelta(seconds=seconds)) is has_expired


@given(st.text(max_size=400), st.text(max_size=400))
def test_tags_are_what_aws_takes_whatever_somebody_calls_a_branch(owner: str, branch: str) -> None:
    tags = information_tags(record("login", owner, origin_of=branch))
    for value in tags.values():
        assert value
        assert len(value) <= 256
        assert all(one.isalnum() or one in " +-=._:/@" for one in value)


@pytest.mark.parametrize("permission", ["admin", "maintain", "write"])
def test_whoever_may_write_may_ask(permission: str) -> None:
    assert owner_of(Asker("ada", permission), "acme/shop") == "ada"


@pytest.mark.parametrize("permission", ["read", "triage", "none", "", "WRITE"])
def test_whoever_may_not_write_may_not_ask(permission: str) -> None:
    with pytest.raises(RefusedInputError, check=because("ephemeral.no_write_access")):
        owner_of(Asker("eve", permission), "acme/shop")


def test_a_form_is_nobodys() -> None:
    assert owner_of(NOBODY, "acme/shop") == ""


def test_a_label_asks_for_a_person_with_write_access_and_for_nobody_else() -> None:
    assert owner_by_label_of(Asker("ada", "write"), "acme/shop", "preview") == "ada"
    for asker, code in (
        (Asker("eve", "triage"), "ephemeral.no_write_access"),
        (NOBODY, "ephemeral.label_of_nobody"),
    ):
        with pytest.raises(RefusedInputError, check=because(code)):
            owner_by_label_of(asker, "acme/shop", "preview")


PULL = PullRequest(
    repository="acme/shop",
    number=7,
    title="",
    author="ada",
    url="",
    is_open=True,
    merged=False,
    mergeable=True,
    head_branch="feature/login",
    head_commit="a" * 40,
    base_branch="develop",
)


def test_a_pull_request_of_the_repository_itself_may_have_one() -> None:
    require_own_branch(PULL)


@pytest.mark.parametrize("update", [{"from_fork": True}, {"is_open": False}])
def test_a_pull_request_of_a_fork_or_a_closed_one_gets_none(update: dict[str, bool]) -> None:
    with pytest.raises(RefusedInputError, check=because("ephemeral.pull_request")):
        require_own_branch(PULL.model_copy(update=update))


@pytest.mark.parametrize(
    ("state", "run", "expected"),
    [
        (EphemeralState.COMING_UP, "run-1", EphemeralState.UP),
        (EphemeralState.COMING_UP, "run-2", EphemeralState.COMING_UP),
        (EphemeralState.UP, "run-2", EphemeralState.UP),
    ],
)
def test_it_is_up_when_the_newest_run_says_so(
    state: EphemeralState, run: str, expected: EphemeralState
) -> None:
    found = came_up(RECORD.model_copy(update={"state": state}), "https://here", run)
    assert found.state is expected


@pytest.mark.parametrize("state", [EphemeralState.GOING_DOWN, EphemeralState.GONE])
def test_what_went_down_meanwhile_is_not_said_to_be_up(state: EphemeralState) -> None:
    with pytest.raises(RefusedInputError, check=because("ephemeral.not_there")):
        came_up(RECORD.model_copy(update={"state": state}), "", "run-1")


def test_what_is_gone_stays_gone_and_what_never_was_is_unknown() -> None:
    gone = RECORD.model_copy(update={"state": EphemeralState.GONE})
    assert going_down(gone, "login", "run-2") == gone
    assert going_down(RECORD, "login", "run-2").state is EphemeralState.GOING_DOWN
    with pytest.raises(RefusedInputError, check=because("ephemeral.unknown")):
        going_down(None, "login", "run-2")


def test_a_stack_goes_after_those_that_use_it() -> None:
    needs = {"storage": (), "orders": ("storage",), "board": ("storage", "orders")}
    found = RECORD.model_copy(update={"services": tuple(needs), "depends_on": needs})
    assert deletion_waits(found) == {
        "storage": ("orders", "board"),
        "orders": ("board",),
        "board": (),
    }


def test_a_run_gives_way_to_one_that_began_later() -> None:
    later = RECORD.model_copy(update={"flow_run": "run-2", "commit": "b" * 40})
    assert overtaken_by(later, "run-1") == "b" * 40
    assert overtaken_by(later, "run-2") == ""
    with pytest.raises(RefusedInputError, check=because("ephemeral.not_there")):
        overtaken_by(later.model_copy(update={"state": EphemeralState.GOING_DOWN}), "run-2")
