"""Where text alone is wanted, text alone is printed: no colour, and nothing that moves a cursor."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.text import Text

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running import sign_of_life
from tiercel.cli.terminal.running.run_lines import RunLines
from tiercel.cli.terminal.running.streams import drop_what_cannot_be_shown
from tiercel.domain.base.errors import TiercelError

_SWITCHES = ("CI", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
_WORDS = "a line that is so long that a terminal breaks it"


class Screen(io.StringIO):
    """A terminal, or a pipe, that keeps all that is written to it."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def told(
    monkeypatch: pytest.MonkeyPatch,
    environment: Mapping[str, str],
    *,
    is_terminal: bool = True,
    quiet: bool = False,
) -> tuple[str, str]:
    """The progress and the results of one of everything that a command can show."""
    for name in _SWITCHES:
        monkeypatch.delenv(name, raising=False)
    terminal = {"TERM": "xterm-256color", "COLUMNS": "40"}
    for name, value in {**terminal, **environment}.items():
        monkeypatch.setenv(name, value)
    progress, results = Screen(is_terminal=is_terminal), Screen(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", progress)
    monkeypatch.setattr(sys, "stdout", results)
    output = Output(quiet=quiet)
    output.step("Publish it")
    with output.waiting("looking"):
        output.line(_WORDS)
    with RunLines(output) as lines:
        lines.say(0.5, "orders: release 1 is live", 20)
    output.done("it is live")
    output.short_line("orders answers")
    output.table("Live in preprod", ("stack", "release"), [("acme-preprod-orders", "1")])
    output.draw(Text("drawn", "bold red"))
    output.error(TiercelError("demo.unexpected", "it failed"))
    return progress.getvalue(), results.getvalue()


@pytest.mark.parametrize(
    ("is_terminal", "environment"),
    [
        (False, {}),
        (True, {"CI": "true"}),
        (True, {"NO_COLOR": "1"}),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}),
        (True, {"TERM": "dumb"}),
    ],
)
def test_where_nobody_looks_on_or_colours_are_unwanted_text_alone_is_printed(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, environment: dict[str, str]
) -> None:
    for shown in told(monkeypatch, environment, is_terminal=is_terminal):
        assert shown
        assert all(one == "\n" or one.isprintable() for one in shown), repr(shown)


@pytest.mark.parametrize(
    ("is_terminal", "environment"),
    [(False, {"FORCE_COLOR": "1"}), (True, {"CI": "1", "FORCE_COLOR": "1"})],
)
def test_forced_colours_bring_nothing_that_moves(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, environment: dict[str, str]
) -> None:
    shown = "".join(told(monkeypatch, environment, is_terminal=is_terminal))
    assert "\x1b[" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\n", "").isprintable(), repr(shown)


def test_forced_colours_leave_a_pipe_its_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, results = told(monkeypatch, {"FORCE_COLOR": "1"}, is_terminal=False)
    assert f"{_WORDS}\n" in progress
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", progress).splitlines())) == 140
    assert "too narrow" not in results


def test_with_quiet_a_terminal_shows_results_and_failures_and_nothing_that_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    progress, results = told(monkeypatch, {}, quiet=True)
    assert "acme-preprod-orders" in results
    assert "it failed" in progress
    assert "it is live" not in progress
    left = re.sub(r"\x1b\[[0-9;]*m", "", progress + results)
    assert left.replace("\n", "").isprintable(), repr(left)


def test_on_a_terminal_without_colours_lines_still_end_between_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    progress, _ = told(monkeypatch, {"NO_COLOR": "1"})
    assert "a line that is so long that a terminal\nbreaks it\n" in progress
    assert max(map(len, progress.splitlines())) <= 40


@pytest.mark.parametrize("name", ["CI", "NO_COLOR", "_TIERCEL_COMPLETE"])
def test_the_first_sign_of_life_is_for_a_terminal_that_can_take_it_away(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    told(monkeypatch, {})
    assert sign_of_life._is_watched()
    monkeypatch.setenv(name, "1")
    assert not sign_of_life._is_watched()


def test_a_process_without_any_of_the_three_streams_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told(monkeypatch, {})
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert not sign_of_life._is_watched()
    drop_what_cannot_be_shown()
    assert not any(one.isatty() for one in (sys.stdin, sys.stdout, sys.stderr))


def test_a_letter_that_the_encoding_does_not_have_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(monkeypatch, {})
    for encoding in ("ascii", "latin-1"):
        with (tmp_path / "log").open("w", encoding=encoding) as log:
            monkeypatch.setattr(sys, "stdout", log)
            drop_what_cannot_be_shown()
            sys.stdout.write("\u2022 done\n")
        assert (tmp_path / "log").read_bytes() == rb"\u2022 done" + b"\n"
