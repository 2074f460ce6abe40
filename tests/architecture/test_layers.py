from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
PRODUCT = ("cli", "deployments", "domain", "flows", "policies", "sandbox", "tasks")
OWN_CODE = (*PRODUCT, "benchmarks", "tests")

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
ACCOUNT_ID = re.compile(r"(?<![\w.-])(?!0{12})[0-9]{12}(?![\w-])")

Check = Callable[[ast.Module], Iterator[str]]


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
    for name in imported_names(tree).values():
        if name == "mock" or name.startswith(("mock.", "unittest.mock", "pytest_mock")):
            yield f"{name} is imported"
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.arg == "mocker":
            yield f"line {node.lineno}: the fixture mocker is used"
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "unittest.mock":
            yield f"line {node.lineno}: unittest.mock is used"


def found_in(folders: tuple[str, ...], check: Check) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {finding}"
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        for finding in check(ast.parse(path.read_text()))
    ]


def found_by(check: Check, code: str) -> list[str]:
    return list(check(ast.parse(code)))


def test_imports_point_down_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(ROOT)
    assert lint_imports(no_cache=True, no_logo=True) == 0


def test_no_module_works_while_it_is_imported() -> None:
    assert found_in(PRODUCT, work_at_import) == []


def test_every_process_is_started_with_an_argument_list_and_no_shell() -> None:
    assert found_in(OWN_CODE, shell_commands) == []


def test_nothing_is_patched() -> None:
    assert found_in(OWN_CODE, patches) == []


def test_no_account_is_named_outside_configuration_examples_and_tests() -> None:
    suffixes = {".json", ".py", ".sh", ".tf", ".tftpl", ".toml", ".yaml", ".yml"}
    places = [ROOT / "prefect.yaml", ROOT / "pyproject.toml"]
    for folder in (*PRODUCT, "benchmarks", "terraform", ".github"):
        places += sorted((ROOT / folder).rglob("*"))
    assert [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in places
        if path.is_file() and path.suffix in suffixes
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if ACCOUNT_ID.search(line)
    ] == []


def test_the_checks_see_the_code_of_the_product() -> None:
    assert "domain/names.py: seen" in found_in(PRODUCT, lambda _: iter(["seen"]))


@pytest.mark.parametrize(
    "code",
    [
        "import os\nHOME = os.environ['HOME']",
        "import os\nHOME = os.environ.get('HOME')",
        "import os as system\nHOME = system.getenv('HOME')",
        "from os import environ\nHOME = environ['HOME']",
        "from os import getenv\nclass A:\n    home = getenv('HOME')",
        "import os\ndef f(home=os.environ): ...",
        "import os\nHOME = lambda x=os.environ: x",
        "import os\n@wrap(os.environ)\ndef f(): ...",
        "import os\nif True:\n    HOME = os.environ",
        "import boto3\ns3 = boto3.client('s3')",
        "import boto3\ns3 = [boto3.session.Session().client('s3')]",
        "from boto3 import Session\nsession = Session()",
        "from httpx import Client\nclient = Client()",
        "import httpx\nanswer = httpx.get('https://example.com')",
        "from pathlib import Path\nTEXT = Path('x').read_text()",
        "TEXT = open('x').read()",
        "import subprocess\nGIT = subprocess.run(['git'])",
    ],
)
def test_work_at_import_is_found(code: str) -> None:
    assert found_by(work_at_import, code)


@pytest.mark.parametrize(
    "code",
    [
        "import os\ndef home(): return os.environ['HOME']",
        "import os\nclass A:\n    def home(self): return os.environ['HOME']",
        "import os\nhome = lambda: os.environ['HOME']",
        "import boto3\nasync def client(): return boto3.client('s3')",
        "import re\nPATTERN = re.compile('x')",
        "environ = {}\nHOME = environ.get('HOME')",
        "import os\nif __name__ == '__main__':\n    print(os.environ)",
        "from prefect import task\n@task(retries=3)\ndef f(): ...",
        "HEADERS = {}.get('x')",
    ],
)
def test_code_that_only_defines_things_is_no_work(code: str) -> None:
    assert not found_by(work_at_import, code)


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess\nsubprocess.run('git status')",
        "import subprocess\nsubprocess.run(f'git {x}')",
        "import subprocess\nsubprocess.run('git ' + x)",
        "import subprocess\nsubprocess.run(x + ' status')",
        "import subprocess\nsubprocess.run('git {}'.format(x))",
        "import subprocess\nsubprocess.run(' '.join(x))",
        "import subprocess\nsubprocess.run(['a'] if x else 'b')",
        "import subprocess\nsubprocess.run(args='git status')",
        "import subprocess\nsubprocess.run(['git'], shell=True)",
        "import subprocess\nsubprocess.run(['git'], shell=x)",
        "import subprocess\nsubprocess.run(**options)",
        "from subprocess import Popen as start\nstart('git')",
        "import subprocess as sp\nsp.check_output('git')",
        "import subprocess\nsubprocess.getoutput('git')",
        "import os\nos.system('git')",
        "from os import popen\npopen('git')",
        "import asyncio\nasync def f(): await asyncio.create_subprocess_shell('git')",
    ],
)
def test_a_command_that_a_shell_could_read_is_found(code: str) -> None:
    assert found_by(shell_commands, code)


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess\nsubprocess.run(['git', 'status'], check=True)",
        "import subprocess\nsubprocess.run(['git', f'{x}', *y])",
        "import subprocess\nsubprocess.run(['git'] + y)",
        "import subprocess\nsubprocess.run(command)",
        "import subprocess\nsubprocess.Popen(args=command(x))",
        "import asyncio\nasync def f(): await asyncio.create_subprocess_exec('git', 'status')",
        "import asyncio\nasyncio.run(main('x'))",
    ],
)
def test_an_argument_list_is_accepted(code: str) -> None:
    assert not found_by(shell_commands, code)


@pytest.mark.parametrize(
    "code",
    [
        "from unittest import mock",
        "from unittest.mock import patch",
        "import unittest.mock",
        "import unittest.mock as m",
        "import unittest\nunittest.mock.patch('x')",
        "import mock",
        "def test_x(mocker): ...",
    ],
)
def test_a_patch_is_found(code: str) -> None:
    assert found_by(patches, code)


def test_moto_is_no_patch() -> None:
    assert not found_by(patches, "from moto import mock_aws")


@pytest.mark.parametrize(
    "line", ["account = '123456789012'", "arn:aws:iam::123456789012:role/x", '"123456789012",']
)
def test_an_account_id_is_found(line: str) -> None:
    assert ACCOUNT_ID.search(line)


@pytest.mark.parametrize(
    "line",
    [
        "1234567890123",
        "sha256:a123456789012",
        "123456789012abc",
        "0.123456789012",
        "000000000000",
        "00000000-0000-0000-0000-123456789012",
        "${infrastructure_account}",
    ],
)
def test_another_number_is_no_account_id(line: str) -> None:
    assert not ACCOUNT_ID.search(line)
