"""What is known of environments on demand when one of their records cannot be read."""

from __future__ import annotations

from datetime import timedelta

from tests.support.drills import NOON, plan, seen
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.ephemeral.environments import (
    EphemeralRecord,
    EphemeralState,
    EphemeralWish,
    OriginKind,
    begun,
)
from tiercel.domain.ephemeral.found import RecordsFound, UnreadableRecord
from tiercel.domain.organization.on_demand import EphemeralSettings
from tiercel.domain.pages.environment.drill_page import drill_plan_page
from tiercel.domain.pages.environment.environments_page import environments_page
from tiercel.domain.pages.links import Links

TORN = UnreadableRecord("torn", RefusedInputError("code", "what", why="cut <b>short</b>").failure)


def record(name: str, *borrows: str, **changes: object) -> EphemeralRecord:
    made = EphemeralRecord(
        name=name,
        owner="ada",
        purpose="try it",
        origin=OriginKind.BRANCH,
        origin_of="develop",
        repository="acme/shop",
        commit="a" * 40,
        services=("orders",),
        created=NOON,
        expires=NOON + timedelta(hours=1),
        state=EphemeralState.UP,
        borrows=borrows,
    )
    return made.model_copy(update=changes)


FOUND = RecordsFound(
    (
        record("login", "storage", "mail"),
        record("own"),
        record("old", "storage", state=EphemeralState.GONE),
    ),
    (TORN,),
)


def test_what_cannot_be_read_may_be_there() -> None:
    assert FOUND.names_alive == {"login", "own", "torn"}
    page = environments_page(FOUND, Links(server=""))
    assert "`torn` cannot be read" in page
    assert "`login`" in page
    assert "<b>" not in page


def test_who_takes_outputs_of_what_a_drill_deletes_is_named_and_changes_no_approval() -> None:
    of = plan(seen("storage"), seen("orders"))
    borrowers = FOUND.borrowers({one.service for one in of.stacks})
    told = of.model_copy(update={"borrowers": borrowers})
    assert borrowers == {"login": ("storage",)}
    assert told.digest == of.digest
    assert of.warnings() == []
    (warning,) = told.warnings()
    assert "login takes outputs of storage:" in warning
    assert "login takes outputs of storage" in drill_plan_page(told, None, ())


def test_an_environment_borrows_what_any_of_its_commits_needed() -> None:
    settings = EphemeralSettings()
    wish = EphemeralWish(
        name="login",
        owner="ada",
        purpose="",
        origin=OriginKind.BRANCH,
        origin_of="develop",
        repository="acme/shop",
        commit="a" * 40,
        services={"orders": ()},
        flow_run="run-1",
        borrows=("storage",),
    )
    first = begun(None, wish, settings, NOON)
    again = begun(first, EphemeralWish(**wish.__dict__ | {"borrows": ("mail",)}), settings, NOON)
    assert first.borrows == ("storage",)
    assert again.borrows == ("storage", "mail")
