from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tiercel.domain.organization.topology import Organization, Topology
from tiercel.domain.pages.links import Links

STACK_ID = "arn:aws:cloudformation:eu-central-1:222222222222:stack/acme-preprod-orders/1a-2b"
ACCOUNT, REGION = "222222222222", "eu-central-1"


def links(server: str = "https://github.com", **organization: Any) -> Links:
    topology = Topology(organization=Organization(name="acme", **organization), environments={})
    return Links.of(topology, server)


def address(markdown: str) -> str:
    return markdown.partition("](")[2].removesuffix(")")


def test_a_commit_and_a_pull_request_lead_to_their_pages() -> None:
    sha = "1a2b3c4" + "0" * 33
    assert links("https://github.com/").commit("acme/shop", sha) == (
        f"[shop@1a2b3c4](https://github.com/acme/shop/commit/{sha})"
    )
    assert links().pull_request("acme/shop", 7) == "[#7](https://github.com/acme/shop/pull/7)"


@pytest.mark.parametrize("server", ["", "file:///repositories", "javascript:alert(1)"])
def test_what_has_no_pages_is_named_and_not_linked(server: str) -> None:
    assert links(server).commit("acme/shop", "1" * 40) == "shop@1111111"
    assert links(server).pull_request("acme/shop", 7) == "#7"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_a_stack_leads_to_the_console_of_its_region(region: str, host: str) -> None:
    found = urlsplit(address(links().stack("acme-preprod-orders", STACK_ID, ACCOUNT, region)))
    assert found.hostname == host
    assert parse_qs(found.query) == {"region": [region]}
    assert parse_qs(found.fragment.partition("?")[2]) == {"stackId": [STACK_ID]}


def test_with_an_access_portal_the_link_opens_the_right_account() -> None:
    portal = links(access_portal="https://acme.awsapps.com/start", console_role="ReadOnly")
    found = urlsplit(address(portal.stack("acme-preprod-orders", STACK_ID, ACCOUNT, REGION)))
    assert (found.netloc, found.path) == ("acme.awsapps.com", "/start/")
    wish = parse_qs(found.fragment.partition("?")[2])
    assert wish["account_id"] == [ACCOUNT]
    assert wish["role_name"] == ["ReadOnly"]
    plain = address(links().stack("acme-preprod-orders", STACK_ID, ACCOUNT, REGION))
    assert wish["destination"] == [plain]


def test_a_deployment_leads_to_codedeploys_console() -> None:
    plain = links().shift_address("d-ABCDEFGHI", ACCOUNT, REGION)
    found = urlsplit(plain)
    assert found.path == "/codesuite/codedeploy/deployments/d-ABCDEFGHI"
    assert parse_qs(found.query) == {"region": [REGION]}
    assert links().shift("d-ABCDEFGHI", ACCOUNT, REGION) == f"[d-ABCDEFGHI]({plain})"
    portal = links(access_portal="https://acme.awsapps.com/start", console_role="ReadOnly")
    wish = parse_qs(urlsplit(portal.shift_address("d-ABCDEFGHI", ACCOUNT, REGION)).fragment)
    assert wish["destination"] == [plain]


def test_the_text_of_a_link_cannot_end_it() -> None:
    hostile = "](https://evil.example) <img> `|"
    shown = links().stack(hostile, STACK_ID, ACCOUNT, REGION)
    assert shown.count("](") == 1
    assert not set("<>`| ") & set(shown.partition("](")[0])


def test_a_stack_that_does_not_exist_yet_is_only_named() -> None:
    assert links().stack("orders", "", ACCOUNT, REGION) == "orders"


@pytest.mark.parametrize(
    "organization",
    [
        {"access_portal": "http://acme.example"},
        {"access_portal": "https://acme.example/)](x"},
        {"console_role": ""},
        {"console_role": "Read Only"},
    ],
)
def test_a_portal_without_encryption_and_a_name_that_is_none_are_refused(
    organization: dict[str, str],
) -> None:
    with pytest.raises(ValueError, match=r"access_portal|console_role"):
        links(**organization)


def test_a_console_that_is_not_awss_own_is_linked_whatever_portal_there_is() -> None:
    organization = Organization(name="acme", access_portal="https://acme.awsapps.com/start")
    topology = Topology(organization=organization, environments={})
    found = Links.of(topology, "", "http://127.0.0.1:4566/_console/")
    start = f"http://127.0.0.1:4566/_console/{ACCOUNT}/{REGION}"
    assert found.stack_address(STACK_ID, ACCOUNT, REGION) == f"{start}/stacks/{STACK_ID}"
    assert found.shift_address("d-1/?", ACCOUNT, REGION) == f"{start}/deployments/d-1%2F%3F"
    assert address(found.stack("orders", STACK_ID, ACCOUNT, REGION)).startswith(start)
