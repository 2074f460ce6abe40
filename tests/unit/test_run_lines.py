"""What is shown of a run while it runs: in a pipe, in CI, on a terminal, and with `--verbose`."""

from __future__ import annotations

import logging
from io import StringIO

from rich.console import Console

from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.running.run_lines import RunLines

SAID = (
    (0.9, "orders: 2 packages staged"),
    (1.2, "orders: plan: 7 to add, 0 to modify (0 may be replaced), 0 to remove"),
    (1.3, "web: unchanged, release 4 is live"),
    (1.9, "orders: CREATE_COMPLETE AWS::DynamoDB::Table OrdersTable"),
    (2.0, "Created task run 'stage-0' for task 'stage'"),
    (2.7, "orders: release 1 is live"),
    (2.9, "every stack is live"),
)
WARNING = "orders: the service role may lack sqs:TagQueue\n  for OrderQueue"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def told(*, watched: bool = False, verbose: bool = False, terminal: bool = False) -> str:
    """All that is left to read after a run, in one colour."""
    screen = Terminal() if terminal else StringIO()
    output = Output(verbose=verbose)
    output._progress = Console(
        file=screen,
        width=30 if terminal else 60,
        color_system=None,
        highlight=False,
        force_interactive=watched,
    )
    with RunLines(output) as lines:
        for seconds, text in SAID:
            lines.say(seconds, text, logging.INFO)
        lines.say(3.0, WARNING, logging.WARNING)
        lines.say(3.1, "orders: it failed", logging.ERROR)
    return screen.getvalue()


def said_of(text: str) -> list[str]:
    return [line.partition(" s  ")[2] or line.strip() for line in text.splitlines()]


def test_in_a_pipe_a_line_comes_when_something_is_decided() -> None:
    assert said_of(told()) == [
        SAID[1][1],
        "web: unchanged, release 4 is live",
        "orders: release 1 is live",
        "every stack is live",
        "orders: the service role may lack sqs:TagQueue",
        "for OrderQueue",
    ]


def test_on_a_terminal_the_last_line_of_each_service_is_left() -> None:
    assert said_of(told(watched=True)) == [
        "web: unchanged, release 4 is live",
        "orders: release 1 is live",
        "every stack is live",
        "orders: the service role may lack sqs:TagQueue",
        "for OrderQueue",
    ]


def test_of_a_service_that_fails_the_last_decision_is_left_and_not_where_it_went_on() -> None:
    screen, output = StringIO(), Output()
    output._progress = Console(file=screen, width=60, color_system=None, force_interactive=True)
    with RunLines(output) as lines:
        lines.say(0.9, "web: 2 packages staged", logging.INFO)
        for seconds, text in SAID[:4]:
            lines.say(seconds, text, logging.INFO)
    assert said_of(screen.getvalue()) == ["web: unchanged, release 4 is live", SAID[1][1]][::-1]


def test_verbose_shows_every_line_but_those_of_prefect() -> None:
    shown = said_of(told(verbose=True))

    assert shown[:4] == [text for _, text in SAID[:4]]
    assert not any("task run" in line for line in shown)


def test_a_terminal_has_a_line_of_a_service_cut_and_a_warning_whole() -> None:
    lines = told(terminal=True).splitlines()

    assert "   2.7 s  orders: release 1 i…" in lines
    assert "          sqs:TagQueue" in lines


def test_a_file_has_every_line_whole() -> None:
    lines = told().splitlines()

    assert f"   1.2 s  {SAID[1][1]}" in lines
    assert "   3.0 s  orders: the service role may lack sqs:TagQueue" in lines


def test_while_it_runs_a_service_has_one_line_and_the_clock_ticks() -> None:
    output, screen = Output(), StringIO()
    output._progress = Console(file=screen, width=60, force_interactive=True)
    with RunLines(output) as lines:
        for seconds, text in SAID[:4]:
            lines.say(seconds, text, logging.INFO)
        drawn = [str(one) for one in lines.__rich__().renderables]
    assert [line.split()[2] for line in drawn[:2]] == ["orders:", "web:"]
    assert "CREATE_COMPLETE" in drawn[0]
    assert len(drawn) == 3


def test_of_more_lines_than_a_terminal_has_the_newest_and_the_clock_are_seen() -> None:
    output, screen = Output(), StringIO()
    output._progress = Console(file=screen, width=60, height=8, force_interactive=True)
    with RunLines(output) as lines:
        for second in range(20):
            lines.say(second, f"remark {second} of the run", logging.INFO)
        drawn = [str(one).split()[2:4] for one in lines.__rich__().renderables]
    assert drawn[:-1] == [["remark", str(second)] for second in range(14, 20)]
