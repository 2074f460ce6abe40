from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tiercel.domain.organization.topology import LONGEST_LEASE_SECONDS
from tiercel.domain.release.lease import Lease, is_trusted, lease_key, next_lease, renewal_seconds

SECONDS = 30.0


def lease(**changes: Any) -> Lease:
    values: dict[str, Any] = {
        "stack": "acme-preprod-orders",
        "holder": "run a",
        "fencing": 1,
        "seconds": SECONDS,
    }
    return Lease(**values | changes)


MINE = lease(holder="run b")


@pytest.mark.parametrize(
    ("found", "age", "fencing"),
    [
        (None, 0.0, 1),
        (lease(fencing=4), 0.0, None),
        (lease(fencing=4), SECONDS, None),
        (lease(fencing=4), SECONDS + 1, 5),
        (lease(fencing=4, seconds=3), 4.0, 5),
        (lease(fencing=4, seconds=1e9), LONGEST_LEASE_SECONDS, None),
        (lease(fencing=4, seconds=1e9), LONGEST_LEASE_SECONDS + 1, 5),
        (lease(fencing=4, released=True), 0.0, 5),
        (lease(fencing=4, holder="run b"), 0.0, 4),
        (lease(fencing=4, holder="run b", released=True), 0.0, 5),
    ],
)
def test_a_lease_is_had_when_nobody_has_it_or_its_holder_is_silent(
    found: Lease | None, age: float, fencing: int | None
) -> None:
    got = next_lease(found, age, MINE)
    assert (got.fencing if got else None) == fencing
    assert got is None or got.holder == "run b"


@pytest.mark.parametrize("seconds", [0, -1, "NaN", "Infinity"])
def test_a_lease_of_no_length_is_no_lease(seconds: object) -> None:
    body = lease().to_bytes().replace(b"30.0", str(seconds).encode())
    with pytest.raises(ValidationError):
        Lease.model_validate_json(body)


def test_whoever_holds_it_already_gets_it_as_it_is() -> None:
    found = lease(holder="run b", fencing=3, renewals=7)
    assert next_lease(found, 0.0, MINE) == found


@given(
    st.lists(st.sampled_from(["run a", "run b", "run c"]), max_size=20),
    st.floats(0, 100),
)
def test_fencing_never_falls_and_grows_with_every_new_holder(
    holders: list[str], age: float
) -> None:
    found: Lease | None = None
    for holder in holders:
        got = next_lease(found, age, lease(holder=holder))
        if got is None:
            continue
        if found:
            assert got.fencing == found.fencing + (got.holder != found.holder)
        found = got


def test_every_write_differs_from_the_one_before() -> None:
    first = lease()
    assert len({first.to_bytes(), first.renewed().to_bytes(), first.given_back().to_bytes()}) == 3
    assert Lease.model_validate_json(first.renewed().to_bytes()) == first.renewed()


@pytest.mark.parametrize(("silent", "trusted"), [(0.0, True), (19.9, True), (20.1, False)])
def test_a_holder_that_was_silent_for_long_looks_again(silent: float, *, trusted: bool) -> None:
    assert is_trusted(silent, SECONDS) is trusted


@given(st.floats(3, 600))
def test_a_holder_renews_while_it_is_trusted_and_may_miss_once(seconds: float) -> None:
    assert is_trusted(renewal_seconds(seconds), seconds)
    assert 2 * renewal_seconds(seconds) < seconds


def test_leases_lie_beside_the_ledger() -> None:
    assert lease_key("acme-preprod-orders") == "leases/acme-preprod-orders.json"
