from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.facts import PRODUCT, ROOT, unknown_in_task_runs

WORDS_THAT_PEOPLE_TYPE = "cli/commands/"
"""Typer takes a command's name from its function, so these are the user's words, not ours."""

MEANT_TWICE = {
    "ROUTES": "each group of operations of the GitHub stand-in lists its own for the router",
    "main": "where a process begins, named as Python's own documentation does",
}


def names_of(tree: ast.Module) -> Iterator[str]:
    """The public names that a module defines, not those that it imports."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def places_of_names() -> dict[str, list[str]]:
    """Where each public name of the product is defined."""
    places: dict[str, list[str]] = defaultdict(list)
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = str(path.relative_to(ROOT))
            if not place.startswith(WORDS_THAT_PEOPLE_TYPE):
                for name in set(names_of(ast.parse(path.read_text("utf-8")))):
                    if not name.startswith("_"):
                        places[name].append(place)
    return places


def test_no_public_name_stands_for_two_things() -> None:
    twice = {name: found for name, found in places_of_names().items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if name not in MEANT_TWICE} == {}
    assert set(MEANT_TWICE) <= set(twice)


@pytest.mark.parametrize(
    "code",
    ["def told(): ...", "async def told(): ...", "class told: ...", "told = 1", "told: int = 1"],
)
def test_every_kind_of_name_is_seen(code: str) -> None:
    assert list(names_of(ast.parse(code))) == ["told"]


def test_what_a_task_is_tried_again_or_shown_as_is_made_of_what_it_is_given(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text('@world_task("look", "look at {one.name} of {two}")\ndef look(one): ...\n')
    assert list(unknown_in_task_runs(wrong)) == [("look", "two")]
    modules = sorted((ROOT / "tasks").rglob("*.py"))
    assert [found for path in modules for found in unknown_in_task_runs(path)] == []
