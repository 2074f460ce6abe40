"""`make docs`: the page of all failures, made from the places where the code raises them."""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tiercel.domain.accounts.findings
import tiercel.domain.drill.failures  # noqa: F401 - the same
from tiercel.domain.base.errors import TiercelError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "use" / "failures.md"
PRODUCT = ("cli", "deployments", "domain", "flows", "sandbox", "tasks")

_INTRODUCTION = """\
# Failures

Made from the code by `make docs` and compared with it by `make test`: do not edit it. Every failure
that Tiercel foresees has a code, one for each reason, which does not change. It stands below a
failure on the terminal, on its page in Prefect, in the ledger and in
[`--json`](cli.md#json-output); texts may change. `…` stands for what differs from case to case.
[The command line](cli.md#exit-codes) explains the exit codes.
"""


@dataclass(frozen=True)
class Reason:
    """One place in the code that makes an error: what it says, as far as it is written there."""

    code: str
    exit_codes: tuple[int, ...]
    what: str
    remedy: str
    place: str


def page() -> str:
    """Return the text of the page."""
    reasons = sorted(reasons_of_the_product(), key=lambda reason: reason.code)
    subjects = sorted({reason.code.partition(".")[0] for reason in reasons})
    parts = [_INTRODUCTION]
    for subject in subjects:
        rows = [_row(one) for one in reasons if one.code.partition(".")[0] == subject]
        parts.append(
            f"## {subject}\n\n| code | exit code | what failed | what to do |\n|---|---|---|---|\n"
            + "\n".join(rows)
            + "\n"
        )
    return "\n".join(parts)


def _row(reason: Reason) -> str:
    codes = ", ".join(map(str, reason.exit_codes)) or "…"
    texts = (text.replace("|", r"\|") for text in (reason.what, reason.remedy))
    return f"| `{reason.code}` | {codes} | " + " | ".join(texts) + " |"


def reasons_of_the_product() -> list[Reason]:
    """Return every reason of every module of the product."""
    paths = [path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.py"))]
    return [reason for path in paths for reason in reasons_in(path)]


@cache
def reasons_in(path: Path) -> tuple[Reason, ...]:
    """Return each error that a module makes; a module is looked through once.

    Raises ValueError for one whose code is no literal. A function that only fills an error in
    has a first parameter `code`: then the literals stand where it is called.
    """
    return tuple(_reasons_in(path))


def _reasons_in(path: Path) -> Iterator[Reason]:
    source, known = path.read_text(), {kind.__name__: kind for kind in _known(TiercelError)}
    if not any(name in source for name in (*known, "type(")):
        return  # most modules: to look through all takes seconds
    tree = ast.parse(source)
    texts, assigned = _texts_of(tree), _assigned(tree)
    for function in _scopes(tree):
        for call in _calls_of(function):
            near = _assigned(function) if _is_name_in(call.func, assigned) else {}
            kinds = _kinds_made(call, known, near, tree)
            if kinds is None:
                continue
            place = f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{call.lineno}"
            if isinstance(function, Function) and _fills_in(function, call):
                for outer in ast.walk(tree):
                    if isinstance(outer, ast.Call) and ast.unparse(outer.func) == function.name:
                        yield _reason(outer, kinds, place, _text(_keyword(call, "remedy"), texts))
            else:
                yield _reason(call, kinds, place, _text(_keyword(call, "remedy"), texts))


def _reason(call: ast.Call, kinds: list[type[TiercelError]], place: str, remedy: str) -> Reason:
    code, what = call.args[:2]
    if not (isinstance(code, ast.Constant) and isinstance(code.value, str)):
        raise ValueError(  # noqa: TRY004 - it is about a text, not about a value
            f"{place}: the code of a failure is not written out"
        )
    exit_codes = tuple(sorted({int(kind.exit_code) for kind in kinds}))
    return Reason(code.value, exit_codes, _text(what, {}), remedy, place)


Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Function | ast.Module


def _scopes(tree: ast.Module) -> Iterator[Scope]:
    yield tree
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def _calls_of(scope: Scope) -> Iterator[ast.Call]:
    """Yield the calls of a function itself, not those of the functions inside of it."""
    waiting = deque(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.popleft()
        if isinstance(node, ast.Call):
            yield node
        if not isinstance(node, Function):
            waiting += ast.iter_child_nodes(node)


def _assigned(scope: Scope) -> dict[str, list[ast.expr]]:
    """Return what is assigned to each name in a scope, and in those inside of it."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def _is_name_in(function: ast.expr, assigned: Mapping[str, list[ast.expr]]) -> bool:
    return isinstance(function, ast.Name) and function.id in assigned


def _kinds_made(
    call: ast.Call,
    known: Mapping[str, type[TiercelError]],
    assigned: Mapping[str, list[ast.expr]],
    tree: ast.Module,
) -> list[type[TiercelError]] | None:
    """Return the classes of errors that a call makes; None if it makes none.

    Several, if a condition chooses one; none of them, if it is that of another error.
    """
    if not isinstance(call.func, ast.Name):
        copies = ast.unparse(call.func).startswith("type(") and len(call.args) > 1
        return [] if copies else None
    name = call.func.id
    if name in known:
        return [known[name]]
    chosen = [choice for value in assigned.get(name, ()) for choice in _choices(value, tree)]
    names = dict.fromkeys(part.id for one in chosen for part in _names(one))
    return [known[one] for one in names if one in known] or None


def _choices(value: ast.expr, tree: ast.Module) -> Iterator[ast.expr]:
    """Yield what a condition chooses from, or what a function of the module returns."""
    if isinstance(value, ast.IfExp):
        yield from (value.body, value.orelse)
    if isinstance(value, ast.Call):
        for node in ast.walk(tree):
            if isinstance(node, Function) and node.name == ast.unparse(value.func):
                returned = (one.value for one in ast.walk(node) if isinstance(one, ast.Return))
                yield from (one for one in returned if one)


def _names(node: ast.expr) -> Iterator[ast.Name]:
    yield from (part for part in ast.walk(node) if isinstance(part, ast.Name))


def _known(kind: type[TiercelError]) -> Iterator[type[TiercelError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _known(below)


def _fills_in(function: Function, call: ast.Call) -> bool:
    given = [one.arg for one in function.args.args[:1]] == ["code"]
    return given and ast.unparse(call.args[0]) == "code"


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in call.keywords if word.arg == name), None)


def _texts_of(tree: ast.Module) -> dict[str, ast.expr]:
    """Return the texts that have a name of their own in a module."""
    return {
        ast.unparse(node.targets[0]): node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant | ast.JoinedStr | ast.BinOp)
    }


def _text(node: ast.expr | None, texts: dict[str, ast.expr]) -> str:
    """Return what a text says; `…` stands for what varies."""
    if node is None:
        return ""
    if isinstance(node, ast.Name) and node.id in texts:
        return _text(texts[node.id], {})
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, {}) for part in node.values)
    if isinstance(node, ast.BinOp):
        return re.sub("…+", "…", _text(node.left, {}) + _text(node.right, {}))
    return "…"


if __name__ == "__main__":
    PAGE.write_text(page())
