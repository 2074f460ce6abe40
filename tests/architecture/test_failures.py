from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.documents import code_of, rows, text_of
from tests.support.failures_page import PAGE, page, reasons_in, reasons_of_the_product

# From the page, which is what the code says: every worker would look through all of the code.
CODES = [code_of(row[0]) for row in rows(text_of("docs/use/failures.md"), "code", "exit code")]


def test_the_page_of_failures_is_what_the_code_says() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


def test_every_reason_has_one_code_and_every_code_one_place() -> None:
    places = Counter(reason.code for reason in reasons_of_the_product())
    assert [code for code, times in places.items() if times > 1] == []


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_subject_and_a_reason_in_words(code: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", code)


def test_every_code_is_on_the_page_once() -> None:
    assert sorted(CODES) == sorted(reason.code for reason in reasons_of_the_product())


CHOSEN = """
def f(x):
    kind = BuildFailedError if x else RefusedInputError
    return kind("a.b", "no")
"""
RETURNED = """
def f(x):
    kind = _kind_of(x)
    return kind("a.b", "no")
def _kind_of(x):
    if x:
        return TransientError
    return RefusedInputError
"""
FILLED_IN = """
def _f(code, what):
    return TiercelError(code, what)
_f("a.b", "no")
_f("a.c", "no")
"""


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ('raise RefusedInputError("a.b", "no")', ["a.b"]),
        (CHOSEN, ["a.b"]),
        (RETURNED, ["a.b"]),
        (FILLED_IN, ["a.b", "a.c"]),
        ('def f(e):\n return type(e)("a.b", "no")', ["a.b"]),
        ("def f(e):\n return type(e)", []),
        ('raise ValueError("a", "b")', []),
    ],
)
def test_the_reasons_of_a_module_are_found(tmp_path: Path, source: str, codes: list[str]) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)
    assert [reason.code for reason in reasons_in(module)] == codes


@pytest.mark.parametrize(
    "source",
    [
        'code = "a.b"\nraise RefusedInputError(code, "no")',
        'def f(code):\n raise RefusedInputError(code + "x", "no")',
        'def _f(code, what):\n return TiercelError(code, what)\n_f("a." + "b", "no")',
    ],
)
def test_a_code_that_is_not_written_out_is_found(tmp_path: Path, source: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)
    with pytest.raises(ValueError, match="not written out"):
        list(reasons_in(module))
