"""What the pages show to type is what `tiercel` takes, to the last argument, and is executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
import typer

from tests.architecture.documents import PAGES, ROOT, text_of, typed_lines, uses_of
from tests.architecture.facts import Command, commands_of, until_the_end
from tiercel.cli.main import app

TIERCEL = typer.main.get_command(app)
COMMANDS = [path.removeprefix("tiercel ") for path, _ in commands_of(TIERCEL, "tiercel")]
EXAMPLES = [
    str(path.relative_to(ROOT))
    for path in sorted((ROOT / "examples").rglob("*.md"))
    if "node_modules" not in path.parts
]
NUMBERS = {"N", "NUMBER"}
"""Placeholders for what is no word."""

RUNNERS = re.compile(r"(invoke|run|fork|start|told|planned)(_\w+)?")
"""Functions of tests that execute the command, given its words."""

NOT_EXECUTED = {
    "check": "tests/flows/test_check.py runs its flow, and what it shows",
    "config fragment": "it asks AWS for types that it publishes; tests/unit has what is drafted",
    "decline": "tests/flows/test_waiting_promotions.py records the word as it does",
    "drift": "tests/flows/test_drift.py runs its flow, and what it shows",
    "ephemeral down": "tests/flows/test_ephemeral.py runs its flow",
    "ephemeral extend": "tests/flows/test_ephemeral.py changes the record as it does",
    "ephemeral up": "tests/flows/test_ephemeral.py runs its flow",
    "reap": "tests/flows/test_reap.py runs its flow",
    "retention": "tests/tasks/teardown/test_retention.py runs its task, as an administrator",
}
"""Commands that no test executes as such, and what runs in their place."""


def refused(words: list[str]) -> str:
    """What the parser of `tiercel` says against words, empty if it takes them."""
    command: Command = TIERCEL
    rest = ["1" if word in NUMBERS else word for word in until_the_end(words)]
    while children := getattr(command, "commands", {}):
        if rest and rest[0].startswith("-"):
            break
        if not rest and command is TIERCEL:  # it shows the overview
            return ""
        if not rest or rest[0] not in children:
            return f"{command.name} has no command {rest[:1]}"
        command, rest = children[rest[0]], rest[1:]
    try:
        command.make_context(command.name or "tiercel", rest)
    except typer.Exit:  # --help and --version
        return ""
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return str(error.format_message())
    return ""


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES])
def test_every_command_that_is_shown_to_be_typed_is_taken(page: str) -> None:
    shown = uses_of("tiercel", "```sh\n" + "\n".join(typed_lines(text_of(page))) + "\n```")
    typed = [words for words in shown if not {"…", "..."} & set(words)]
    assert [(words, said) for words in typed if (said := refused(words))] == []


@pytest.mark.parametrize(
    "words",
    [
        ["deploi"],
        ["deploy", "acme/shop"],
        ["deploy", "acme/shop", "develop", "more"],
        ["rollback", "acme-prod-orders", "--to", "last"],
        ["hold", "prod"],
        ["traffic"],
    ],
)
def test_what_is_not_taken_is_seen(words: list[str]) -> None:
    assert refused(words)


def words_given(path: str) -> Iterator[tuple[str, ...]]:
    """The words with which a module of tests executes the command, as far as they stand there."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call) and RUNNERS.fullmatch(ast.unparse(node.func).split(".")[-1]):
            found = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
            yield tuple(map(str, found))
        elif isinstance(node, ast.Tuple | ast.List):
            yield tuple(str(one.value) for one in node.elts[:2] if isinstance(one, ast.Constant))


@cache
def executed() -> set[str]:
    found = set[str]()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for words in words_given(str(path.relative_to(ROOT))):
            found |= {" ".join(words[:1]), " ".join(words)}
    return found


def test_every_command_is_executed_or_it_is_said_why_not() -> None:
    assert set(COMMANDS) - executed() == set(NOT_EXECUTED)
