from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiercel.domain.base.errors import DeployFailedError
from tiercel.domain.base.log_text import last_lines, log_text


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


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (b"", []),
        (b"one\ntwo\nthree\n", ["two", "three"]),
        (b"one\n\n  \ntwo\n\n\n", ["one", "two"]),
        (b"\x1b[31mError:\x1b[0m no bucket", ["Error: no bucket"]),
        (b"10 %\r20 %\r30 %\r\n", ["20 %", "30 %"]),
        (b"\x1b]0;title\x07\xff\n\tdone", ["]0;title\ufffd", "    done"]),
        ("\u202ecod\u2028e".encode(), ["code"]),
        (b"x" * 30, ["x" * 20]),
        (b"early\n" + b"y" * 2_000_000, ["y" * 20]),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_the_last_lines_of_a_command_are_those_that_show_something(
    output: bytes, lines: list[str]
) -> None:
    assert last_lines(output, 2, longest=20) == lines
