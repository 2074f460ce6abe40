"""The sandbox's own pages are HTML of which no text is more than text; nothing runs for them."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tiercel.sandbox.aws.console.reading import Console
from tiercel.sandbox.aws.console.shifts import shift_page
from tiercel.sandbox.aws.console.stacks import stack_page, stacks_page
from tiercel.sandbox.pages.frame import PageRequest, answer_page, html_page
from tiercel.sandbox.pages.markup import element, link, readable
from tiercel.sandbox.pages.parts import state

EVIL = "</code><script>alert('\u202e')</script>"
ACCOUNT, REGION = "222222222222", "eu-central-1"
AT = datetime(2026, 11, 30, 14, 10, tzinfo=UTC)
STACK = {
    "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/acme-preprod-orders/1a",
    "StackName": "acme-preprod-orders",
    "StackStatus": "UPDATE_ROLLBACK_COMPLETE",
    "StackStatusReason": EVIL,
    "CreationTime": AT,
    "Outputs": [{"OutputKey": "ApiUrl", "OutputValue": EVIL}],
    "Parameters": [{"ParameterKey": EVIL, "ParameterValue": "****"}],
    "Tags": [{"Key": "owner", "Value": EVIL}],
}
RESOURCE = {
    "LogicalResourceId": EVIL,
    "ResourceType": "AWS::SQS::Queue",
    "ResourceStatus": "UPDATE_FAILED",
    "ResourceStatusReason": EVIL,
    "Timestamp": AT,
}
DEPLOYMENT = {"deploymentId": "d-1", "status": "Stopped", "createTime": AT}
TARGET = {
    "targetId": EVIL,
    "lambdaFunctionInfo": {"functionName": EVIL, "targetVersionWeight": 0.1},
    "lifecycleEvents": [{"lifecycleEventName": "AllowTraffic", "status": "InProgress"}],
}


@pytest.mark.parametrize(
    "found",
    [
        stack_page(ACCOUNT, REGION, STACK, [RESOURCE], [RESOURCE]),
        stacks_page(ACCOUNT, REGION, [STACK]),
        shift_page(ACCOUNT, REGION, DEPLOYMENT, [TARGET]),
        html_page(EVIL, [(EVIL, EVIL)], EVIL),
    ],
)
def test_what_a_page_shows_is_text_and_never_a_part_of_it(found: bytes) -> None:
    text = found.decode()
    assert "<script" not in text
    assert "\u202e" not in text
    assert text.count("</code>") == text.count("<code>")


def test_a_stack_is_shown_with_what_it_has_gives_and_went_through() -> None:
    text = stack_page(ACCOUNT, REGION, STACK, [RESOURCE], [RESOURCE]).decode()
    assert ">ApiUrl</td>" in text
    assert 'class="state bad">UPDATE_ROLLBACK_COMPLETE<' in text
    assert "2026-11-30 14:10:00 UTC" in text
    assert f'href="/_console/{ACCOUNT}/{REGION}/stacks"' in text
    assert "10 %" in shift_page(ACCOUNT, REGION, DEPLOYMENT, [TARGET]).decode()


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("/acme/shop", True),
        ("https://ok.example/x?y", True),
        ("http://127.0.0.1:4200/runs", True),
        ("//evil.example", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://<script>", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_what_leads_to_a_page_is_linked(address: str, leads: bool) -> None:
    assert link("x", address).startswith("<a ") is leads


def test_attributes_are_escaped_and_long_texts_end() -> None:
    assert element("a", "x", href='"><script>') == '<a href="&quot;&gt;&lt;script&gt;">x</a>'
    assert readable("x" * 200_000).endswith("100000 more characters")


@pytest.mark.parametrize(
    ("word", "kind"),
    [("success", "good"), ("UPDATE_COMPLETE", "good"), ("ROLLBACK_COMPLETE", "bad"),
     ("DELETE_FAILED", "bad"), ("pending", "open"), ("CREATE_IN_PROGRESS", "open")],
)  # fmt: skip
def test_a_state_is_coloured_by_how_it_went(word: str, kind: str) -> None:
    assert f'class="state {kind}"' in state(word)


@pytest.mark.parametrize(
    ("method", "host", "status"),
    [
        ("GET", "127.0.0.1:4566", 200),
        ("HEAD", "localhost:4566", 200),
        ("POST", "127.0.0.1:4566", 405),
        ("GET", "evil.example:4566", 421),
        ("GET", "127.0.0.1:80", 421),
        ("GET", "", 421),
    ],
)
def test_only_this_machine_is_answered_and_only_when_it_looks(
    method: str, host: str, status: int
) -> None:
    found = answer_page(PageRequest(method, "/a%2Fb", host), 4566, lambda _: html_page("x", []))
    assert found.status == status
    policy = found.headers["Content-Security-Policy"]
    (style,) = re.findall(rb"<style>(.*?)</style>", found.body, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style).digest()).decode() in policy


def test_parts_of_a_path_are_decoded_after_they_are_parted() -> None:
    assert PageRequest("GET", "/a%2Fb/%3Cc", "").parts == ["a/b", "<c"]


@pytest.mark.parametrize(
    "parts",
    [
        [], ["_console"], ["_console", "root", REGION, "stacks"],
        ["_console", ACCOUNT, "evil.example/", "stacks"], ["_console", ACCOUNT, REGION, "x", "y"],
        ["other", ACCOUNT, REGION, "stacks"],
    ],
)  # fmt: skip
def test_an_address_that_is_none_of_a_page_asks_nobody(parts: list[str]) -> None:
    nobody: Any = Console("http://127.0.0.1:1", "secret")
    assert nobody.show(parts) is None
