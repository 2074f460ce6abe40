"""Every branch of docs/operate/worst-hour.md is walked by a test, which is marked with its name.

A branch is a section that the page's tree leads to, or a place in it that has a name of its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.documents import FENCE, HEADING, PLACE, ROOT, anchor_of, fences, text_of

PAGE = text_of("docs/operate/worst-hour.md")
MARK = "pytest.mark.walks"


def sections() -> set[str]:
    """The sections that the page's tree leads to, as its links would name them."""
    (tree,) = fences(PAGE, "mermaid")
    return {anchor_of(heading) for heading in re.findall(r'\["([^"]+)"\]', tree)}


def walked_in(path: Path) -> Iterator[str]:
    """The branches that tests of a module are marked with."""
    text = path.read_text()
    if MARK not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == MARK:
                    yield from (ast.literal_eval(branch) for branch in mark.args)


def test_the_tree_leads_to_every_section() -> None:
    _, *headings = HEADING.findall(FENCE.sub("", PAGE))
    assert sections() == {anchor_of(one) for one in headings}


def test_every_branch_of_the_worst_hour_has_a_walker_and_every_walker_a_branch() -> None:
    walked = {branch for path in (ROOT / "tests").rglob("test_*.py") for branch in walked_in(path)}
    assert walked == sections() | set(PLACE.findall(PAGE))
