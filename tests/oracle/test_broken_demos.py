from __future__ import annotations

import pytest

from tests.oracle.broken_demos import BROKEN, BrokenDemo

GOOD = {
    "what": "not allowed to read an object",
    "where": "s3://b/key",
    "why": 'User: role/one is not authorized to perform: s3:GetObject on resource: "b"',
    "remedy": "`tiercel check` says what is not as it must be",
}
DEMO = BrokenDemo("policy", "Sid", "role/one", "s3:GetObject", '"b"')


def test_a_message_with_all_that_a_person_needs_is_right() -> None:
    assert DEMO.faults(GOOD) == []


@pytest.mark.parametrize(
    ("part", "text", "lacking"),
    [
        ("what", "1 services failed", "what was tried"),
        ("where", "", "where"),
        ("why", "403: Forbidden", "who was refused"),
        ("why", "403: Forbidden", "what was refused"),
        ("why", "403: Forbidden", "on what"),
        ("remedy", "see each of them", "what to do"),
        ("why", f"{GOOD['why']} Traceback (most recent call last)", "no trace"),
    ],
)
def test_a_message_that_says_too_little_is_found(part: str, text: str, lacking: str) -> None:
    faults = [fault.partition(":")[0] for fault in DEMO.faults(GOOD | {part: text})]
    assert f"the message lacks {lacking}" in faults


def test_each_demo_lacks_another_permission_that_exists() -> None:
    assert len({demo.allow for demo in BROKEN}) == len(BROKEN) == 3
