"""Which commands tests execute, read from their source: what they give to `tests.support.commands`.

Words that only stand in a test execute nothing. They have to reach a function of that module: in
its call, in a tuple or list that is unpacked there, or by a function that hands its own words on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_RUNNERS = "tests.support.commands"
_HELP = "--help"


def executed_in(source: str, runners: frozenset[str]) -> set[str]:
    """The first word, and the first two, of all that a module gives to runners."""
    if _RUNNERS not in source:
        return set()
    tree = ast.parse(source)
    own = _runners_in(tree, runners)
    unpacked = _sequences(tree)
    found = set[str]()
    for call in _calls(tree, own):
        for words in _words(call.args, unpacked):
            if words and _HELP not in words:
                found |= {" ".join(words[:1]), " ".join(words[:2])}
    return found


@cache
def runners_of(root: Path) -> frozenset[str]:
    """The functions that execute the command with the arguments that they get."""
    path = root / (_RUNNERS.replace(".", "/") + ".py")
    return frozenset(
        one.name
        for one in ast.parse(path.read_text()).body
        if isinstance(one, ast.FunctionDef)
        and one.args.vararg
        and one.args.vararg.arg == "arguments"
    )


def _runners_in(tree: ast.Module, runners: frozenset[str]) -> set[str]:
    """Those that a module imports, and its functions that hand words on to one of them."""
    found = {
        one.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == _RUNNERS
        for one in node.names
        if one.name in runners
    }
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    while True:
        more = {one.name for one in functions if _hands_on(one, found)} - found
        if not more:
            return found
        found |= more


def _hands_on(function: ast.FunctionDef, runners: set[str]) -> bool:
    """Tell whether its own words are the first that it gives to a runner."""
    words = function.args.vararg
    return words is not None and any(
        isinstance(one, ast.Starred) and ast.unparse(one.value) == words.arg
        for call in _calls(function, runners)
        for one in call.args[:1]
    )


def _calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def _sequences(tree: ast.Module) -> dict[str, list[list[ast.expr]]]:
    """What each name is that is a tuple or list somewhere in a module."""
    found: dict[str, list[list[ast.expr]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple | ast.List):
            for name in node.targets:
                found.setdefault(ast.unparse(name), []).append(node.value.elts)
    return found


def _words(
    arguments: list[ast.expr], unpacked: dict[str, list[list[ast.expr]]]
) -> Iterator[list[str]]:
    """What a call can begin with, as far as it stands there; a name may be several things."""
    first, rest = (arguments[0], arguments[1:]) if arguments else (None, [])
    if isinstance(first, ast.Constant):
        for more in _words(rest, unpacked):
            yield [str(first.value), *more]
    elif isinstance(first, ast.Starred):
        value = first.value
        if isinstance(value, ast.Tuple | ast.List):
            choices = [value.elts]
        else:
            choices = unpacked.get(ast.unparse(value), [[]])
        for one in choices:
            yield from _words([*one, *rest] if one else [], unpacked)
    else:
        yield []
