from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.tasks import aws_fixtures, smoke_fixtures
from tests.tasks.smoke_fixtures import Ask, asking, assert_nobody_came, with_output
from tiercel.domain.base.errors import SmokeTestFailedError
from tiercel.tasks.stack import smoke_tests

runtime = aws_fixtures.runtime
aws = aws_fixtures.aws
ask = smoke_fixtures.ask

pytestmark = pytest.mark.usefixtures("aws")

NOT_PUBLIC = "is not a public address"
REFUSED = {
    "https://127.0.0.1:{port}": NOT_PUBLIC,
    "https://127.1:{port}": NOT_PUBLIC,
    "https://2130706433:{port}": NOT_PUBLIC,
    "https://0x7f.0.0.1:{port}": NOT_PUBLIC,
    "https://0.0.0.0:{port}": NOT_PUBLIC,
    "https://localhost:{port}": NOT_PUBLIC,
    "https://[::1]:{port}": NOT_PUBLIC,
    "https://[::ffff:127.0.0.1]:{port}": NOT_PUBLIC,
    "https://user:password@127.0.0.1:{port}": NOT_PUBLIC,
    "https://8.8.8.8@127.0.0.1:{port}": NOT_PUBLIC,
    "https://8.8.8.8\\@127.0.0.1:{port}": NOT_PUBLIC,
    "HTTPS://127.0.0.1:{port}/a/b?c=d": NOT_PUBLIC,
    "https://169.254.169.254/latest/meta-data": NOT_PUBLIC,
    "https://169.254.170.2/v2/credentials": NOT_PUBLIC,
    "https://[fd00:ec2::254]": NOT_PUBLIC,
    "https://[fe80::1]": NOT_PUBLIC,
    "https://10.0.0.1": NOT_PUBLIC,
    "https://172.16.0.1": NOT_PUBLIC,
    "https://192.168.0.1": NOT_PUBLIC,
    "https://100.64.0.1": NOT_PUBLIC,
    "http://127.0.0.1:{port}": "only https",
    "http://169.254.169.254/latest/meta-data": "only https",
    "http://8.8.8.8": "only https",
    "127.0.0.1:{port}": "only https",
    "//127.0.0.1:{port}": "only https",
    "file:///etc/passwd": "only https",
    "ftp://127.0.0.1:{port}": "only https",
    "not an address": "only https",
    "https://[::1": "Invalid port",
    "https://127.0.0.1:99999": "",
    "https://127.0.0.1:{port}\n.amazonaws.com": "non-printable",
    "https://a..b": "",
    "https://" + "a" * 70 + ".example": "",
    "https://\u2460\u2461\u2466.0.0.1:{port}": "IDNA",
    "https://\ud800.example": "IDNA",
}


@pytest.mark.parametrize(("address", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_no_address_makes_the_worker_call_itself_its_network_or_the_metadata_service(
    ask: Ask, address: str, reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = address.replace("{port}", str(listener.getsockname()[1]))

        with pytest.raises(SmokeTestFailedError) as failure:
            ask(with_output(url), asking("/path"))

        assert_nobody_came(listener)
    assert failure.value.what == "the address in the output ApiUrl is not called"
    assert reason in failure.value.why
    assert "https" in failure.value.remedy


def resolving(*addresses: str) -> Callable[..., Any]:
    def resolve(_name: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "https://abc123.execute-api.eu-central-1.amazonaws.com.example.invalid",
        "https://abc123.execute-api.eu-central-1.example.invalid",
        "https://a.b.execute-api.eu-central-1.amazonaws.com.invalid",
        "https://example.invalid#.execute-api.eu-central-1.amazonaws.com",
    ],
)
def test_only_awss_own_gateways_are_looked_for_in_the_sandbox(address: str) -> None:
    url, _, _ = smoke_tests._target(address, resolving("93.184.216.34"))

    assert url.startswith("https://93.184.216.34")


def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_that_was_given() -> (
    None
):
    url, headers, extensions = smoke_tests._target(
        "https://shop.example.com:8443/items?page=1", resolving("93.184.216.34", "93.184.216.35")
    )

    assert url == "https://93.184.216.34:8443/items?page=1"
    assert headers == {"Host": "shop.example.com:8443"}
    assert extensions == {"sni_hostname": "shop.example.com"}


def test_a_name_that_also_leads_inside_is_refused() -> None:
    with pytest.raises(ValueError, match=NOT_PUBLIC):
        smoke_tests._target("https://shop.example.com", resolving("93.184.216.34", "10.0.0.1"))


@pytest.mark.parametrize(
    "address",
    ["::ffff:100.64.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a00:1::1", "224.0.0.1"],
)
def test_an_address_inside_that_is_written_in_another_way_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=NOT_PUBLIC):
        smoke_tests._target("https://shop.example.com", resolving(address))


def test_a_public_address_of_ipv6_is_called() -> None:
    for address in ("2606:4700::1111", "::ffff:93.184.216.34"):
        url, _, _ = smoke_tests._target("https://shop.example.com", resolving(address))
        assert url == f"https://[{address}]"


def test_a_name_is_checked_in_the_form_in_which_it_is_called() -> None:
    asked: list[str] = []

    def resolve(name: str, port: int, **_: Any) -> Any:
        asked.append(name)
        return resolving("93.184.216.34")(name, port)

    _, headers, extensions = smoke_tests._target("https://fa\u00df.example", resolve)

    assert [headers["Host"], extensions["sni_hostname"]] == asked * 2
