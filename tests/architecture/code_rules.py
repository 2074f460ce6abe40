"""Rules that code can be checked for by reading it: each yields what breaks it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

# Calls that reach the world. A module makes none of them while it is imported.
WORK = {
    "boto3.client",
    "boto3.resource",
    "boto3.session.Session",
    "boto3.Session",
    "botocore.session.get_session",
    "botocore.session.Session",
    "github.Github",
    "httpx.AsyncClient",
    "httpx.Client",
    "open",
    "os.getenv",
    "os.makedirs",
    "os.mkdir",
    "prefect.get_client",
    "prefect.client.orchestration.get_client",
    "socket.create_connection",
    "socket.socket",
    "urllib.request.urlopen",
}
FILE_METHODS = {"mkdir", "read_bytes", "read_text", "touch", "unlink", "write_bytes", "write_text"}
HTTP_VERBS = {"delete", "get", "head", "patch", "post", "put", "request", "stream"}
STARTS_A_PROCESS = {
    "asyncio.create_subprocess_exec",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.run",
}
NEEDS_A_SHELL = {
    "asyncio.create_subprocess_shell",
    "os.popen",
    "os.system",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
}


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What each imported name of a module stands for: `run` may be `subprocess.run`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def full_name(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{full_name(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def run_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that importing the module executes: not the bodies of functions."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, node.args]
        elif isinstance(node, ast.Lambda):
            waiting.append(node.args)
        elif not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)):
            waiting += ast.iter_child_nodes(node)


def work_at_import(tree: ast.Module) -> Iterator[str]:
    """Importing a module reads no environment, opens nothing and makes no client."""
    names = imported_names(tree)
    for node in run_at_import(tree):
        if isinstance(node, ast.Attribute | ast.Name) and full_name(node, names) == "os.environ":
            yield f"line {node.lineno}: os.environ is read at import"
        if isinstance(node, ast.Call) and does_work(node, names):
            yield f"line {node.lineno}: {ast.unparse(node.func)} is called at import"


def does_work(call: ast.Call, names: dict[str, str]) -> bool:
    name = full_name(call.func, names)
    module, _, function = name.rpartition(".")
    return (
        name in WORK | STARTS_A_PROCESS | NEEDS_A_SHELL
        or function in FILE_METHODS
        or (module in {"httpx", "requests"} and function in HTTP_VERBS)
    )


def shell_commands(tree: ast.Module) -> Iterator[str]:
    """A process gets a list of arguments: nothing is ever quoted for a shell."""
    names = imported_names(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = full_name(call.func, names)
        if name in NEEDS_A_SHELL:
            yield f"line {call.lineno}: {name} runs a shell"
        elif name in STARTS_A_PROCESS:
            if any(keyword.arg == "shell" for keyword in call.keywords):
                yield f"line {call.lineno}: {name} is told whether to use a shell"
            if name.startswith("subprocess.") and not is_argument_list(call):
                yield f"line {call.lineno}: {name} is given no argument list"


def is_argument_list(call: ast.Call) -> bool:
    """A list, a tuple, or a name or call that mypy knows to be one; never a string."""
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "args")]
    if not given:
        return False
    return not any(
        isinstance(part, ast.JoinedStr)
        or (isinstance(part, ast.Constant) and isinstance(part.value, str))
        or (isinstance(part, ast.Call) and full_name(part.func, {}).endswith((".format", ".join")))
        for part in outermost(given[0])
    )


def outermost(node: ast.expr) -> Iterator[ast.expr]:
    """What an expression is made of, as long as it is still the whole and not an item."""
    yield node
    if isinstance(node, ast.BinOp):
        yield from outermost(node.left)
        yield from outermost(node.right)
    elif isinstance(node, ast.IfExp):
        yield from outermost(node.body)
        yield from outermost(node.orelse)


def patches(tree: ast.Module) -> Iterator[str]:
    """Fakes are written by hand: nothing is patched behind the code's back."""
    plain = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    for name in sorted(plain | set(imported_names(tree).values())):
        if name == "mock" or name.startswith(("mock.", "unittest.mock", "pytest_mock")):
            yield f"{name} is imported"
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.arg == "mocker":
            yield f"line {node.lineno}: the fixture mocker is used"
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "unittest.mock":
            yield f"line {node.lineno}: unittest.mock is used"


HANDS_OVER = {"call", "attempt"}
"""What a flow gives a task to: `attempt` is `call` for which a failure is an answer."""


def tasks_past_call(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name wherever a function of `tasks/` is used but as what `call` is given.

    On the event loop's thread it would hold up every lease, heartbeat and other service.
    Classes and constants are values. A table of tasks counts as they do.
    """
    tasks = {
        name: full
        for name, full in imported_names(tree).items()
        if full.startswith("tiercel.tasks.") and name.islower()
    }
    tables = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and _loaded(node.value) & tasks.keys()
    }
    handed_over = {id(part) for value in tables.values() for part in ast.walk(value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and full_name(node.func, {}) in HANDS_OVER and node.args:
            handed_over |= {id(part) for part in _given(node.args[0])}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            full = tasks.get(node.id, node.id if node.id in tables else "")
            if full and id(node) not in handed_over and not _is_looked_into(tree, node):
                yield node.lineno, full.removeprefix("tiercel.")


def _loaded(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _given(node: ast.expr) -> Iterator[ast.expr]:
    """The function that is given, one of two, or one of a table's."""
    for part in outermost(node):
        yield part.value if isinstance(part, ast.Subscript) else part


def _is_looked_into(tree: ast.Module, name: ast.Name) -> bool:
    """Whether it is only asked what a table has."""
    return any(
        isinstance(node, ast.Compare)
        and name in node.comparators
        and all(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops)
        for node in ast.walk(tree)
    )
