"""What production tells of what it has live: artifacts by their digests, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.codes import because
from tests.support.releases import NOON, outcome, release
from tiercel.domain.base.errors import RefusedInputError
from tiercel.domain.organization.topology import PROD
from tiercel.domain.release.live import Live
from tiercel.domain.release.live_export import (
    LiveExport,
    export_of,
    live_key,
    newest_commit,
    not_told,
    says_the_same,
)

SECRET = "a value of a parameter"


def live(service: str, *, hours: int = 0, commit: str = "1" * 40, **changes: str) -> Live:
    at = NOON + timedelta(hours=hours)
    stack = f"acme-prod-{service}"
    asked = {"stack": stack, "service": service, "commit": commit, "at": at, "environment": PROD}
    found = release(outcome(), parameters={"Key": SECRET}, **asked | changes)
    return Live(stack, found, ())


def exported(*found: Live) -> LiveExport:
    return export_of(PROD, "acme-prod-", found, str.lower, NOON)


def test_what_runs_is_told_by_service_and_what_does_not_is_not() -> None:
    told = exported(
        live("orders"), live("catalog", repository="Acme/Shop"), Live("acme-prod-new", None, ())
    )
    assert [one.service for one in told.artifacts] == ["catalog", "orders"]
    assert [one.repository for one in told.artifacts] == ["acme/shop", "acme/shop"]


def test_stacks_of_another_environment_are_not_told() -> None:
    foreign = Live("acme-preprod-orders", live("orders").running, ())
    assert exported(foreign).artifacts == ()


def test_no_value_of_a_parameter_leaves_the_environment() -> None:
    assert SECRET not in exported(live("orders")).model_dump_json()


def test_the_newest_release_of_a_repository_tells_its_commit() -> None:
    told = exported(
        live("orders", hours=1, commit="a" * 40),
        live("catalog", hours=2, commit="b" * 40),
        live("other", hours=3, commit="c" * 40, repository="acme/other"),
    )
    assert newest_commit(told, "acme/shop") == "b" * 40
    assert newest_commit(told, "acme/nothing") == ""
    assert newest_commit(None, "acme/shop") == ""


def test_when_it_was_written_makes_no_difference() -> None:
    first, second = exported(live("orders")), exported(live("orders"))
    later = second.model_copy(update={"at": NOON + timedelta(days=1)})
    assert says_the_same(first, later)
    assert not says_the_same(first, exported(live("orders", hours=1)))
    assert not says_the_same(None, first)


def test_an_environment_that_told_nothing_is_named() -> None:
    with pytest.raises(RefusedInputError, check=because("live.not_told")) as refused:
        raise not_told(PROD, live_key(PROD))
    assert "live/prod.json" in refused.value.where
