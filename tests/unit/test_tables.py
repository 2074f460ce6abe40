from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rich.console import Console

from tiercel.cli.terminal.tables import drawn, fitted

HEADER = ("stack", "release", "status", "since", "commit", "artifact", "asked by", "now")
ROW = (
    "acme-preprod-fulfilment", "12", "succeeded", "2026-12-01 08:02:11", "1a2b3c4", "b3a3ec632d34",
    "acme-preprod-operator", "release 13 open since 2026-12-01 08:04:00, may be running",
)  # fmt: skip
LEAST = ("artifact", "asked by", "commit", "since")


def printed(width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(drawn("Live", HEADER, [ROW], fitted(HEADER, [ROW], width, LEAST)))
    return capture.get()


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (60, LEAST),
        (80, ("artifact", "asked by")),
        (100, ("artifact", "asked by")),
        (160, ()),
    ],
)
def test_columns_go_by_importance_before_a_name_is_broken(
    width: int, left_out: tuple[str, ...]
) -> None:
    assert fitted(HEADER, [ROW], width, LEAST).left_out == tuple(
        name for name in HEADER if name in left_out
    )
    text = printed(width)
    assert "acme-preprod-fulfilment" in text
    assert "succeeded" in text
    assert max(map(len, text.splitlines())) <= width


WORDS = some.text("ab-", min_size=1, max_size=14)
CELLS = some.lists(WORDS, min_size=1, max_size=6).map(" ".join)


@given(some.lists(some.tuples(CELLS, CELLS, CELLS), max_size=5), some.integers(10, 120))
def test_a_table_is_never_wider_than_it_may_be_and_breaks_no_word_without_need(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    header = ("one", "two", "three")
    fit = fitted(header, rows, width, ("three", "two"))
    longest = [
        max(
            len(word)
            for text in (header[one], *(row[one] for row in rows))
            for word in text.split()
        )
        for one in fit.shown
    ]
    fits = sum(longest) + 2 * len(longest) <= width
    assert all(own >= word for own, word in zip(fit.widths, longest, strict=True)) or not fits
    assert sum(fit.widths) + 2 * len(fit.widths) <= max(width, sum(longest) + 2 * len(longest))
    assert fit.left_out in {(), ("three",), ("two", "three")}
    assert fits or fit.shown == (0,)
