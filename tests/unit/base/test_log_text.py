from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.base.log_text import log_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("orders: plan: 0 to add,  1 to modify", "orders: plan: 0 to add,  1 to modify"),
        ("Größe 日本\t✓", "Größe 日本\t✓"),
        ("red \x1b[31mtext\x1b[0m\x07", "red [31mtext[0m"),
        ("gnp.\u202eexe\u200b", "gnp.exe"),
        ("a\n12:00:00 | INFO | all is well", "a\n  12:00:00 | INFO | all is well"),
        ("a\rb\u2028c\x85d\r\ne", "a\n  b\n  c\n  d\n  e"),
        ("", ""),
    ],
)
def test_a_message_shows_what_it_contains_and_only_its_own_line_begins_at_the_margin(
    text: str, shown: str
) -> None:
    assert log_text(text) == shown


def test_a_failure_in_a_log_keeps_its_parts() -> None:
    error = DeployFailedError(
        "test.reason", "it failed", where="stack a", why="one\ntwo", remedy="again"
    )
    assert log_text(str(error)) == str(error)


@given(st.text())
def test_what_was_made_harmless_is_one_message_and_stays_so(text: str) -> None:
    once = log_text(text)
    assert all(letter.isprintable() or letter.isspace() for letter in once)
    assert all(line.startswith("  ") for line in once.splitlines()[1:])
    assert log_text(once) == once
