from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tiercel.domain.pages.markdown import code, escaped, table

# A table is the one addition to CommonMark that both GitHub and Prefect's page have and
# that this judge knows; it knows no automatic links, so those are looked for below.
JUDGE = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

nasty = st.lists(
    st.sampled_from(list("\\`*_{}[]()<>#+!|~&$=-.:@'\"/0123456789aw \t\n\r\x1b\u202e\ufeff"))
    | st.sampled_from(["http://", "https://", "www.", "](", "<!--", "&lt;", "&#60;", "```", "---"])
    | st.text(max_size=3),
    max_size=30,
).map("".join)

# https://github.github.com/gfm/#autolinks-extension-
AUTOMATIC_LINK = re.compile(r"(?:https?|ftp)://|\bwww\.[a-z0-9]", re.IGNORECASE)
MAIL_OR_MENTION = re.compile(r"@[\w-]", re.ASCII)


def flat(tokens: list[Token]) -> list[Token]:
    return [part for token in tokens for part in (token, *flat(token.children or []))]


def kinds(markdown: str) -> set[str]:
    return {token.type for token in flat(JUDGE.parse(markdown))}


def text_of(markdown: str) -> str:
    texts = (token.content for token in flat(JUDGE.parse(markdown)) if token.type == "text")
    return "".join(texts)


@given(nasty | st.text())
@example("1. one")
@example("12) one")
@example("+ one")
@example("===")
@example("    code")
@example("<script>alert(1)</script>")
@example("[a]: https://example.com")
@example("![x](https://example.com/pixel.png)")
@example("&lt;b&gt;")
@example("a\n\n# b")
def test_escaped_text_is_nothing_but_text(text: str) -> None:
    assert kinds(escaped(text)) <= {"paragraph_open", "inline", "text", "paragraph_close"}


@given(nasty | st.text())
@example("---")
@example("===")
@example("| - |")
def test_escaped_text_stays_text_between_other_lines(text: str) -> None:
    found = kinds(f"before\n{escaped(text)}\nafter")
    assert found <= {"paragraph_open", "inline", "text", "softbreak", "paragraph_close"}


@given(nasty | st.text())
@example("https://example.com/?a=b")
@example("HTTP://WWW.EXAMPLE.COM")
@example("see www.example.com")
@example("@acme/everyone look")
@example("mailto:ada@example.com")
def test_neither_github_nor_prefect_makes_a_link_of_escaped_text(text: str) -> None:
    source = escaped(text)
    assert not AUTOMATIC_LINK.search(source)
    assert not MAIL_OR_MENTION.search(source)


@given(st.lists(st.lists(nasty, min_size=2, max_size=2), max_size=4))
def test_escaped_cells_neither_break_nor_extend_a_table(rows: list[list[str]]) -> None:
    shown = [[escaped(cell) for cell in row] for row in rows]
    types = [token.type for token in JUDGE.parse(table(("one", "two"), shown))]
    assert types.count("table_open") == types.count("table_close") == 1
    assert types.count("tr_open") == len(rows) + 1
    assert types.count("td_open") == 2 * len(rows)
    assert types[-1] == "table_close"


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), max_size=80))
def test_escaped_text_reads_as_it_was_written(text: str) -> None:
    expected = " ".join(unicodedata.normalize("NFC", text).split())
    assert text_of(escaped(text)).replace("\u2060", "") == expected


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("orders", "orders"),
        ("AWS::SQS::Queue", "AWS::SQS::Queue"),
        ("services/orders/app.py", "services/orders/app.py"),
        ("a|b", r"a\|b"),
        ("a & b", "a &amp; b"),
        ("1.2.3", r"1\.2.3"),
        ("a\nb\tc", "a b c"),
        ("\x1b[31mred", r"\[31mred"),
        ("https://example.com", r"https\://example.com"),
        ("@ada", "@\u2060ada"),
        ("", ""),
    ],
)
def test_only_what_means_something_is_escaped(text: str, source: str) -> None:
    assert escaped(text) == source


def test_a_long_text_is_cut() -> None:
    assert len(escaped("x" * 10_000)) == 300


@given(nasty | st.text())
def test_code_is_one_code_span_wherever_it_stands(text: str) -> None:
    tokens = flat(JUDGE.parse(f"before {code(text)} after"))
    assert [token.type for token in tokens].count("code_inline") == 1
    assert {token.type for token in tokens} <= {
        "paragraph_open", "inline", "text", "code_inline", "paragraph_close",
    }  # fmt: skip
    types = [token.type for token in JUDGE.parse(table(("a", "b"), [(code(text), code(text))]))]
    assert (types.count("tr_open"), types.count("td_open")) == (2, 2)


def test_code_shows_the_text_without_back_ticks_and_bars() -> None:
    assert code("a`|b_c*") == "`ab_c*`"


def test_a_table_has_a_header_a_rule_and_its_rows() -> None:
    assert table(("a", "b"), [("1", "2"), ("3", "4")]).split("\n") == [
        "| a | b |",
        "| --- | --- |",
        "| 1 | 2 |",
        "| 3 | 4 |",
    ]


def test_a_table_without_rows_is_a_header() -> None:
    assert table(("a",), []) == "| a |\n| --- |"
