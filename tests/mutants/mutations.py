"""Small ways to break a function: a comparison turned round, a call left out."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Mutation:
    """One function of a module, and what stands in its place."""

    module: str
    function: str
    line: int
    what: str
    before: str
    after: str


def mutations_of(path: str, source: str) -> Iterator[Mutation]:
    """Every mutation of every function of a module, in the order of the source."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            before = ast.get_source_segment(source, function)
            for number, node in enumerate(ast.walk(function)):
                for what in _ways(node):
                    changed = copy.deepcopy(function)
                    target = list(ast.walk(changed))[number]
                    if before and _apply(changed, target, what):
                        changed.decorator_list = []
                        after = ast.unparse(changed)
                        line = getattr(node, "lineno", function.lineno)
                        yield Mutation(path, function.name, line, what, before, after)


def _ways(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPPOSITES:
        yield "comparison turned round"
    if isinstance(node, ast.If | ast.IfExp):
        yield "condition negated"
    if isinstance(node, ast.BoolOp):
        yield "and for or, or for and"
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "truth turned round"
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield "one more"
    if isinstance(node, ast.Raise):
        yield "raise left out"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Await | ast.Call):
        yield "call left out"


def _apply(function: ast.AST, node: ast.AST, what: str) -> bool:  # noqa: PLR0911 - one a kind
    """Change the node inside of the function; False if that is no change."""
    match node:
        case ast.Compare() if what == "comparison turned round":
            node.ops = [_OPPOSITES[type(node.ops[0])]()]
            return True
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
            return True
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            return True
        case ast.Constant(value=bool() as value):
            node.value = not value
            return True
        case ast.Constant(value=int() as value):
            node.value = value + 1
            return True
        case ast.Raise() | ast.Expr():
            return _replaced(function, node, ast.Pass())
    return False


def _replaced(function: ast.AST, old: ast.AST, new: ast.stmt) -> bool:
    for parent in ast.walk(function):
        for body in ("body", "orelse", "finalbody"):
            statements = getattr(parent, body, None)
            if isinstance(statements, list) and old in statements:
                statements[statements.index(old)] = new
                return True
    return False
