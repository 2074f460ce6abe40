from __future__ import annotations

import ast
import logging
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from tests.architecture.code_rules import patches, shell_commands, tasks_past_call, work_at_import

ROOT = Path(__file__).parents[2]
PRODUCT = ("cli", "deployments", "domain", "flows", "policies", "sandbox", "tasks")
OWN_CODE = (*PRODUCT, "benchmarks", "tests")

ACCOUNT_ID = re.compile(r"(?<![\w.-])(?!0{12})[0-9]{12}(?![\w-])")

Rule = Callable[[ast.Module], Iterator[str]]

MAY_BE_CALLED_DIRECTLY = {
    "tasks.accounts.administrators.administrators_of": "looks into the process's environment",
    "tasks.engine.policy_files.require_fitting_policies": "measures templates of Tiercel's own",
    "tasks.engine.policy_files.render": "fills in a template of Tiercel's own",
    "tasks.accounts.terraform.private_folder": "a folder as long as a block of code",
    "tasks.packaging.builder.build_folder": "the same",
    "tasks.engine.pace.stoppable": "`call` itself: how a task learns that its run was cancelled",
    "tasks.engine.retry_budget.one_try": "how patient the calls inside are",
    "tasks.engine.retry_budget.retry_budget": "a budget that all tasks of a run share",
    "tasks.github.transport.credentials.app_id": "looks into the process's environment",
    "tasks.github.transport.credentials.has_credentials": "looks into the process's environment",
    "tasks.github.transport.verifying.only_verifying": "which token a block of code uses",
    "tasks.records.ledger.no_release": "words of an error",
    "tasks.teardown.drill_records.is_proven_empty": "given to a task, which asks it in its thread",
    "tasks.records.lease.give_back_lease": "in the lease's own threads: a task may have to queue",
    "tasks.records.lease.renew_lease": "the same",
    "tasks.aws.caller.console_url": "looks into the process's environment",
    "tasks.source.mirrors.server_url": "looks into the process's environment",
    "tasks.source.topology_file.config_path": "the same",
}
"""What `flows/` may use of `tasks/` without `call`, and why it holds up no event loop."""


@cache
def parsed(folder: str) -> list[tuple[Path, ast.Module]]:
    return [
        (path.relative_to(ROOT), ast.parse(path.read_text()))
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


@pytest.fixture(scope="module", autouse=True)
def everything_is_read() -> None:
    """Read once, and outside of the time that one test may take."""
    for folder in OWN_CODE:
        parsed(folder)


def found_in(folders: tuple[str, ...], rule: Rule) -> list[str]:
    return [
        f"{path}: {finding}"
        for folder in folders
        for path, tree in parsed(folder)
        for finding in rule(tree)
    ]


def found_by(rule: Rule, code: str) -> list[str]:
    return list(rule(ast.parse(code)))


@pytest.fixture
def loggers_as_before() -> Iterator[None]:
    """What configures logging for itself disables the loggers of all tests that follow."""
    yield
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.mark.usefixtures("loggers_as_before")
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


def test_flows_reach_the_world_only_through_call() -> None:
    used = {
        full: f"{path}:{line}"
        for path, tree in parsed("flows")
        for line, full in tasks_past_call(tree)
    }
    assert {full: at for full, at in used.items() if full not in MAY_BE_CALLED_DIRECTLY} == {}
    assert MAY_BE_CALLED_DIRECTLY.keys() - used.keys() == set()


def test_pytest_passes_over_no_folder_that_has_tests(pytestconfig: pytest.Config) -> None:
    passed_over = pytestconfig.getini("norecursedirs")
    tested = {path.parent.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    assert Path("tests", "tasks", "build") in tested
    assert [
        folder
        for folder in tested
        if any(fnmatch(part, pattern) for part in folder.parts for pattern in passed_over)
    ] == []


def test_no_account_is_named_outside_configuration_examples_and_tests() -> None:
    suffixes = {".json", ".py", ".sh", ".tf", ".tftpl", ".toml", ".yaml", ".yml"}
    places = [ROOT / "prefect.yaml", ROOT / "pyproject.toml"]
    for folder in (*PRODUCT, "benchmarks", "terraform", ".github"):
        places += sorted((ROOT / folder).rglob("*"))
    # AWS's own accounts are the same for everybody.
    places.remove(ROOT / "domain" / "template" / "layer_publishers.py")
    assert [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in places
        if path.is_file() and path.suffix in suffixes
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if ACCOUNT_ID.search(line)
    ] == []


def test_the_checks_see_the_code_of_the_product() -> None:
    assert "domain/organization/names.py: seen" in found_in(PRODUCT, lambda _: iter(["seen"]))


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


IMPORTS = "from tiercel.tasks.source.repository import Commit, look as see, other\n"


@pytest.mark.parametrize(
    "code",
    [
        "see()",
        "async def f(): await asyncio.to_thread(see, 1)",
        "async def f(): await call(g, see())",
        "async def f(): await call(g, see)",
        "async def f(): await each(items, see)",
        "TABLE = {1: see}\nasync def f(): TABLE[1]()",
        "@see\ndef f(): ...",
    ],
)
def test_a_task_that_is_used_past_call_is_found(code: str) -> None:
    found = list(tasks_past_call(ast.parse(IMPORTS + code)))
    assert [full in {"tasks.source.repository.look", "TABLE"} for _, full in found] == [True]


@pytest.mark.parametrize(
    "code",
    [
        "async def f(): await call(see, 1)",
        "async def f(): await attempt(see, 1)",
        "async def f(): await call(see if x else other, 1)",
        "async def f(): await each(items, lambda one: call(see, one))",
        "TABLE = {1: see}\nasync def f(): await call(TABLE[1]) if 1 in TABLE else None",
        "def f(commit: Commit): return Commit(1)",
    ],
)
def test_a_task_that_call_is_given_is_accepted(code: str) -> None:
    assert not list(tasks_past_call(ast.parse(IMPORTS + code)))
