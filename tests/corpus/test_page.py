"""The page of public applications says nothing of the machine that measured."""

from __future__ import annotations

import pytest

from tests.corpus.page import PAGE, without_places


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no file /opt/installed/source/Makefile here", "no file … here"),
        ("(/tmp/pytest-1/x.py)", "(…)"),
        ("'/home/somebody/.npm', then", "'…', then"),
        ("/Resources/Bucket of a template", "/Resources/Bucket of a template"),
        ("sources in src/opt/app.py", "sources in src/opt/app.py"),
        ("…/source/hello-world", "…/source/hello-world"),
    ],
)
def test_places_of_a_machine_are_cut(said: str, shown: str) -> None:
    assert without_places(said) == shown


def test_the_page_names_no_place_of_a_machine() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert without_places(page) == page
