"""What the pages show to type is what `tiercel` takes, to the last argument, and is executed."""

from __future__ import annotations

from functools import cache

import pytest
import typer

from tests.architecture.documents import PAGES, ROOT, spans, text_of, typed_lines, uses_of
from tests.architecture.executed import executed_in, runners_of
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
PLACEHOLDERS = {"…", "...", "COMMAND"}
"""Placeholders for any words."""

EXECUTED_OTHERWISE = {"worker": "tests/end_to_end/test_wheel.py starts the one that is installed"}
"""Commands that no test executes through tests/support/commands.py, and what does."""


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
    typed = [words for words in shown if not PLACEHOLDERS & set(words)]
    assert [(words, said) for words in typed if (said := refused(words))] == []


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES])
def test_a_command_that_a_text_names_takes_the_words_that_stand_with_it(page: str) -> None:
    named = ["```sh\n" + one + "\n```" for one in spans(text_of(page)) if one[:8] == "tiercel "]
    words = [one for line in named for one in uses_of("tiercel", line)]
    whole = [one for one in words if not PLACEHOLDERS & set(one)]
    wrong = [(one, said) for one in whole if (said := refused(one)) and not is_cut_short(said)]
    assert wrong == []


def is_cut_short(said: str) -> bool:
    """Whether more would have to be typed: a text may name a command by its first words."""
    return said.startswith("Missing ") or said.endswith(("requires an argument.", "no command []"))


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


@cache
def executed() -> set[str]:
    tests = (path.read_text() for path in sorted((ROOT / "tests").rglob("*.py")))
    return set().union(*(executed_in(source, runners_of(ROOT)) for source in tests))


def test_every_command_is_executed() -> None:
    assert set(COMMANDS) - executed() == set(EXECUTED_OTHERWISE)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("invoke('hold', 'prod', *place)", {"hold", "hold prod"}),
        ("invoke(*('open', 'run'), stack)", {"open", "open run"}),
        ("words = ['open', 'run', stack]\ninvoke(*words)", {"open", "open run"}),
        ("invoke('hold', environment)", {"hold"}),
        (
            "def told(*words):\n    return invoke(*words, '-s')\ntold('hold', 'prod')",
            {"hold", "hold prod"},
        ),
        ("def told(words):\n    return invoke('status')\ntold('hold')", {"status"}),
        (
            "def told(*words):\n    return invoke('open', *words)\ntold('hold', 'prod')",
            {"open"},
        ),
        ("words = ['hold', 'prod']", set()),
        ("parametrize('words', [('hold', 'prod')])", set()),
        ("run('hold', 'prod')", set()),
        ("session.invoke('hold', 'prod')", set()),
        ("invoke('hold', 'prod', '--help')", set()),
    ],
)
def test_words_are_executed_that_reach_the_command(source: str, found: set[str]) -> None:
    imported = "from tests.support.commands import invoke\n"
    assert executed_in(imported + source, frozenset({"invoke"})) == found
    assert executed_in(source, frozenset({"invoke"})) == set()
