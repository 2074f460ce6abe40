"""The `tiercel` command: installed as a person runs it, forked, or in this process.

A process costs two seconds of a processor before it does anything, most of it for imports. `run`
and `start` are for tests of how a process starts and of what it takes from its machine; `fork`
gives a process of its own that has everything imported, for tests that kill it, race it or read
beside it; `invoke` is for all others.
"""

from __future__ import annotations

import io
import json
import os
import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from tests.support.forks import Forked, forked
from tests.support.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent.parent

Finished = tuple[int, str, str]


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return _start(arguments, environment)


def start_without_terminal(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """As cron and systemd start it: there is nobody whom it could ask."""
    return _start(arguments, environment, alone=True)


def _start(
    arguments: Sequence[str], environment: Mapping[str, str], *, alone: bool = False
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).parent / "tiercel"), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL if alone else None,
        start_new_session=alone,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, **environment: str) -> Finished:
    process = start(*arguments, **environment)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, output, errors


def run_json(*arguments: str, **environment: str) -> Any:
    return _document(run(*arguments, "--json", **environment))


def fork(*arguments: str, **environment: str) -> Forked:
    return forked(arguments, ROOT, {**os.environ, **environment})


def fork_shown_to(file: int, *arguments: str, **environment: str) -> Forked:
    """With an open file for all that the command says."""
    return forked(arguments, ROOT, {**os.environ, **environment}, file)


def run_fork(*arguments: str, **environment: str) -> Finished:
    process = fork(*arguments, **environment)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    return process.wait(), output, errors


def fork_json(*arguments: str, **environment: str) -> Any:
    return _document(run_fork(*arguments, "--json", **environment))


def invoke(*arguments: str, **environment: str) -> Finished:
    """Run the command in this process, which is afterwards as it was before."""
    from prefect.context import root_settings_context

    from tiercel.cli.main import main

    _forget()
    try:
        with _as_process(environment), root_settings_context():
            return _called(main, ["tiercel", *arguments])
    finally:
        _forget()


def invoke_json(*arguments: str, **environment: str) -> Any:
    return _document(invoke(*arguments, "--json", **environment))


def help_of(words: Sequence[str]) -> str:
    """What a program that is installed beside Python, or a module of it, says of itself."""
    program, *more = words
    if program == "python":
        name = more[more.index("-m") + 1]
        more = more[more.index("-m") + 2 :]

        def main() -> None:
            with warnings.catch_warnings():
                # Another test may have imported it: nothing that is run again minds.
                warnings.filterwarnings("ignore", "'.*' found in sys.modules", RuntimeWarning)
                runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        (script,) = entry_points(group="console_scripts", name=program)
        main = script.load()
    with _as_process({"COLUMNS": "200", "NO_COLOR": "1"}):
        code, output, errors = _called(main, [program, *more, "--help"])
    assert code == 0, errors
    return output


def _forget() -> None:
    """What is kept for a process is neither taken over from this one nor left to it."""
    from tiercel.tasks.aws import signing
    from tiercel.tasks.aws.clients import forget_clients
    from tiercel.tasks.github.transport.client import forget_github

    forget_clients()
    forget_github()
    signing._read.cache_clear()


@contextmanager
def _as_process(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with chdir(ROOT):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _called(main: Callable[[], object], words: list[str]) -> Finished:
    output, errors, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        patch.setattr(sys, "argv", words)
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return code, output.getvalue(), errors.getvalue()


def _document(finished: Finished) -> Any:
    code, output, errors = finished
    assert code == 0, errors + output
    return data_in(output)


def data_in(output: str) -> Any:
    """What a command's document has as its data; the whole has to be as its schema says."""
    return document_in(output)["data"]


def error_in(output: str) -> Any:
    """The failure that a command's document tells."""
    return document_in(output)["error"]


def document_in(output: str) -> Any:
    """A command's document, which is as its schema says."""
    document = json.loads(output)
    kind = document["schema"].removeprefix("tiercel.").partition("/")[0]
    _validator(kind).validate(document)
    return document


@cache
def _validator(kind: str) -> Any:
    from tiercel.cli.documents.schemas import document_schema

    return OAS31Validator(document_schema(kind))
