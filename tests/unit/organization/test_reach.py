from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.organization.reach import Reach

INDEXES = Reach(indexes=("index.example", "packages.example:8443", "localhost:8080", "127.0.0.1:9"))
PUBLIC = INDEXES.model_copy(update={"public": True})


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("index.example", 443, True),
        ("Index.Example.", 443, True),
        ("index.example", 80, False),
        ("index.example", 8443, False),
        ("packages.example", 8443, True),
        ("packages.example", 443, False),
        ("evil.index.example", 443, False),
        ("index.example.evil.example", 443, False),
        ("pypi.or", 443, False),
        ("169.254.169.254", 80, False),
    ],
)
def test_only_the_indexes_are_asked_for(host: str, port: int, expected: bool) -> None:
    assert INDEXES.allows(host, port) is expected


@pytest.mark.parametrize(("port", "expected"), [(80, True), (443, True), (22, False), (25, False)])
def test_a_network_adds_hosts_of_the_web(port: int, expected: bool) -> None:
    assert PUBLIC.allows("any.example", port) is expected


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
    ],
)
def test_no_other_host_is_reached_where_the_world_is_not(address: str) -> None:
    assert not PUBLIC.allows_address("any.example", 443, address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::6810:1", "64:ff9b::5db8:d822"])
def test_public_addresses_are_reached(address: str) -> None:
    assert PUBLIC.allows_address("any.example", 443, address)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.1", "fc00::1", "93.184.216.34"])
def test_an_index_may_lie_in_a_private_network(address: str) -> None:
    assert INDEXES.allows_address("packages.example", 8443, address)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fd00:ec2::254", "fd00:ec2::23", "fe80::1", "127.0.0.1", "::1"],
)
def test_an_index_lies_neither_on_loopback_nor_at_the_metadata_service(address: str) -> None:
    assert not INDEXES.allows_address("packages.example", 8443, address)


@pytest.mark.parametrize(("host", "port"), [("localhost", 8080), ("127.0.0.1", 9)])
def test_an_index_that_is_named_so_lies_on_loopback(host: str, port: int) -> None:
    assert INDEXES.allows_address(host, port, "127.0.0.1")


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_is_judged_as_such_inside_one_of_ipv6(
    address: ipaddress.IPv4Address,
) -> None:
    plain = PUBLIC.allows_address("any.example", 443, str(address))
    for form in (f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address)))):
        assert PUBLIC.allows_address("any.example", 443, form) is plain
